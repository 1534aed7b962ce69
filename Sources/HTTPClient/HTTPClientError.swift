/// Why there is no answer. The three first cases say what a repetition would risk
/// (RFC 9110 section 9.2.2): nothing, a second effect, or it depends on `sent`.
///
/// A task's cancellation is `CancellationError`, not one of these.
package enum HTTPClientError: Error, Equatable {
  /// The server has seen nothing of the request.
  case notSent(NotSent)
  /// Bytes of the request had left when the exchange broke: the server may have acted on them.
  case maybeProcessed(String)
  /// The exchange's time was up, before or after bytes of the request had left.
  case timedOut(sent: Bool)
  /// The answer's body or head is larger than this client takes. `bytesMax` is the body's bound in
  /// either case.
  case answerTooLarge(bytesMax: Int)
  /// The server's certificate or this client's own is not in order: repeating is of no use.
  case untrusted(String)
  /// The caller's mistake: no authority, a target or a method that cannot be sent.
  case badRequest(String)

  /// What kept a request from being sent.
  package enum NotSent: Error, Equatable {
    /// Nobody listens there, or the listener ended before it took the request.
    case connectionRefused
    case hostNotFound
    case connectTimedOut
    /// The host has no address that the client may connect to (`CurlClient.Reach`).
    case addressRefused
    case tlsFailed(String)
    /// `ClientLimits.transfersPerLoopMax` transfers are under way.
    case tooManyTransfers
    case other(String)
  }
}

extension HTTPClientError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notSent(.addressRefused): "the host has no public address"
    case .notSent(.hostNotFound): "there is no such host"
    case .notSent(.connectionRefused): "the connection was refused"
    case .notSent(.connectTimedOut): "nobody answered the connection in time"
    case .notSent(.tlsFailed(let words)), .untrusted(let words):
      "the TLS connection failed: \(words)"
    case .notSent(.tooManyTransfers): "too many calls are under way"
    case .notSent(.other(let words)), .maybeProcessed(let words), .badRequest(let words): words
    case .timedOut(let sent): sent ? "no answer in time" : "not sent in time"
    case .answerTooLarge(let bytesMax): "the answer has more than \(bytesMax) bytes"
    }
  }
}

package import EventLoops
import HTTPClient
package import HTTPMessages

/// Calls addresses that others chose, such as merchants' webhooks: public ones alone, looked at
/// when connecting, over connections that carry nothing of ours. It follows no redirect and repeats
/// nothing.
package struct OutwardClient: Sendable {
  /// Why there is no answer.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// False when repeating is of no use.
    package let isTemporary: Bool
  }

  private static let answerBytesMax = 256 * 1024
  private static let callsPerLoopMax = 64

  private let client: CurlClient

  /// - Parameter reachesPrivate: whether private addresses, this machine's included, are called
  ///   too.
  package init(group: EventLoopGroup, reachesPrivate: Bool) {
    var limits = ClientLimits()
    limits.connectTimeout = .seconds(5)
    limits.responseBytesMax = Self.answerBytesMax
    limits.idleConnectionsPerLoopMax = 8
    limits.transfersPerLoopMax = Self.callsPerLoopMax
    client = CurlClient(
      group: group, limits: limits, reach: reachesPrivate ? .anywhere : .publicOnly)
  }

  /// Posts `body`. Any status is an answer.
  ///
  /// - Parameters:
  ///   - authority: `host` or `host:port`.
  ///   - timeout: for the whole exchange.
  /// - Throws: `Failure`; `CancellationError`
  package func post(
    to authority: String, isSecure: Bool, target: String, fields: HTTPFields, body: [UInt8],
    timeout: Duration
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(.post, target, fields: fields, body: body)
    request.authority = authority
    request.isSecure = isSecure
    request.timeout = timeout
    request.sendsOnFreshConnection = true
    do {
      return try await client.handle(request)
    } catch let error as HTTPClientError {
      throw Failure(error)
    }
  }
}

extension OutwardClient.Failure {
  fileprivate init(_ error: HTTPClientError) {
    switch error {
    case .notSent(.addressRefused):
      self.init(description: "the host has no public address", isTemporary: true)
    case .notSent(.hostNotFound): self.init(description: "there is no such host", isTemporary: true)
    case .notSent(.connectionRefused):
      self.init(description: "the connection was refused", isTemporary: true)
    case .notSent(.connectTimedOut):
      self.init(description: "nobody answered the connection in time", isTemporary: true)
    case .timedOut: self.init(description: "no answer in time", isTemporary: true)
    case .notSent(.tlsFailed(let words)), .untrusted(let words):
      self.init(description: "the TLS connection failed: \(words)", isTemporary: true)
    case .answerTooLarge(let bytesMax):
      self.init(description: "the answer has more than \(bytesMax) bytes", isTemporary: true)
    case .maybeProcessed(let words), .notSent(.other(let words)):
      self.init(description: words, isTemporary: true)
    case .notSent(.tooManyTransfers):
      self.init(description: "too many calls are under way", isTemporary: true)
    case .badRequest(let words): self.init(description: words, isTemporary: false)
    }
  }
}

/// The rows of the HTTP rules: what went wrong, as far as breaker and retry need to know.
@usableFromInline
package enum FailureClass: String, Sendable, CaseIterable {
  /// Nobody listens there: the upstream saw nothing.
  case connectionRefused
  /// DNS, connect timeout, TLS handshake: the upstream saw nothing either.
  case requestNotSent
  /// Reset or empty reply after bytes were sent: nobody knows.
  case maybeProcessed
  /// Our attempt timeout, after bytes were sent: nobody knows either.
  case attemptTimedOut
  /// 408, 502, 504.
  case gatewayFailure
  /// 425.
  case tooEarly
  /// 503.
  case unavailable
  /// 429.
  case throttled
  /// 500.
  case serverError
  /// 501, 505, or an answer that is larger than we take.
  case unsupported
  /// A certificate or a scheme that must not be trusted: ours to repair, logged at error.
  case untrusted
  /// The whole call's deadline ended the attempt before its own timeout did; the pipeline's finding,
  /// not a transport's.
  case deadlinePassed

  /// What the breaker learns from it.
  package enum Verdict: Sendable {
    case failure, ignored
    /// A failure when the attempt had run as long as a slow one; else too short to tell.
    case failureWhenSlow
  }

  package var verdict: Verdict {
    switch self {
    case .connectionRefused, .requestNotSent, .maybeProcessed, .attemptTimedOut, .gatewayFailure,
      .unavailable, .serverError, .unsupported:
      .failure
    case .tooEarly, .throttled, .untrusted: .ignored
    case .deadlinePassed: .failureWhenSlow
    }
  }

  /// Whether it tells of one instance's connection rather than of what the upstream does.
  var isOfConnection: Bool { isNotSent || self == .maybeProcessed }

  /// Whether nothing was heard of one instance in time: no answer, which would be the upstream's
  /// own.
  var isUnanswered: Bool { isOfConnection || self == .attemptTimedOut }

  /// Whether an instance that ended would cause it: nobody listens, or the connection broke under a request.
  var isConnectionLoss: Bool { self == .connectionRefused || self == .maybeProcessed }

  /// Whether the upstream certainly did not see the request.
  package var isNotSent: Bool { self == .connectionRefused || self == .requestNotSent }

  /// Whether a request is sent again after it, if its method and the answer allow it.
  package var isEverRetried: Bool { mayBeResent(.idempotent, isInvited: true) }

  /// Whether the request may be sent again.
  ///
  /// - Parameter isInvited: the answer carried Retry-After, or a pushback that allows it.
  package func mayBeResent(_ idempotency: Idempotency, isInvited: Bool) -> Bool {
    switch self {
    case .connectionRefused, .requestNotSent: true
    case .maybeProcessed, .attemptTimedOut, .gatewayFailure, .tooEarly, .serverError:
      idempotency.mayBeResent
    case .unavailable, .throttled: idempotency.mayBeResent || isInvited
    case .unsupported, .untrusted, .deadlinePassed: false
    }
  }
}

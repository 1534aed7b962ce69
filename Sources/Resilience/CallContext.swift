/// One logical call, from the caller's question to the answer it gets, across all attempts.
@usableFromInline
package struct CallContext: Sendable {
  package let upstream: String
  /// A name for logs and events, such as `PUT /authorisations/{id}`.
  package let operation: String
  package let idempotency: Idempotency
  @usableFromInline package internal(set) var deadline: Deadline
  /// 1 for the first attempt.
  package internal(set) var attempt = 1
  /// When the logical call began, if a policy has read the clock already: a reading costs as much as
  /// the rest of a breaker.
  var began: MonotonicInstant?
  /// Nanoseconds; Int64.max for no limit. Kept as a number because converting costs more than using.
  @usableFromInline var attemptTimeoutNanoseconds: Int64

  /// - Parameters:
  ///   - deadline: the pipeline takes the soonest of this, `Deadline.current` and its own total.
  ///   - attemptTimeout: of this call; the pipeline's preset when nil.
  package init(
    upstream: String, operation: String = "", idempotency: Idempotency,
    deadline: Deadline = .none, attemptTimeout: Duration? = nil
  ) {
    self.upstream = upstream
    self.operation = operation
    self.idempotency = idempotency
    self.deadline = deadline
    attemptTimeoutNanoseconds = attemptTimeout?.nanosecondsSaturated ?? .max
  }

  /// How long the transport may take for this attempt: the attempt timeout or what is left of the
  /// deadline, whichever is shorter. The transport enforces it; nil means no limit.
  package var attemptTimeout: Duration? {
    attemptTimeoutNanoseconds == .max ? nil : .nanoseconds(attemptTimeoutNanoseconds)
  }
}

extension CircuitBreaker: Policy {
  /// Lets the operation run if the circuit permits, and learns from its outcome.
  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    // Not a permit: an operation always comes back, so nothing can be dropped.
    let admission: Admission
    do throws(CallNotPermitted) {
      admission = try admit(attemptTimeout: context.attemptTimeoutNanoseconds)
    } catch {
      return .ignored(error)
    }
    let attempt = await operation(context)
    settle(admission, by: attempt.outcome)
    return attempt
  }

  @usableFromInline
  func settle(_ admission: Admission, by outcome: Outcome) {
    switch outcome {
    case .success: settle(admission, .success)
    case .ignored: settle(admission, .ignored)
    case .failure(let failureClass, let advice):
      let isFailure =
        switch failureClass.verdict {
        case _ where failureClass.isUnanswered && advice.isOfEjectedEndpoint: false
        case .failure: true
        case .ignored: false
        case .failureWhenSlow:
          coarseNow.nanoseconds - admission.acquired >= admission.slowLimit
        }
      guard isFailure else { return settle(admission, .ignored) }
      let wait = failureClass == .unavailable ? advice.retryAfter : nil
      settle(
        admission, .failure, unavailableFor: wait?.nanosecondsSaturated ?? 0,
        // One instance of several is gone: calls that fail of it fail at once, and many in a row.
        countsInRow: !(failureClass.isOfConnection && advice.hasOtherEndpoint),
        errorClass: failureClass.rawValue)
    }
  }
}

extension CircuitBreaker: Policy {
  /// Lets the operation run if the circuit permits, and learns from its outcome.
  @inlinable
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    let permit: Permit
    do throws(CallNotPermitted) {
      permit = try self.permit(for: context)
    } catch {
      return .ignored(error)
    }
    let attempt = await operation(context)
    settle(permit, attempt.outcome)
    return attempt
  }

  @usableFromInline
  func permit(for context: CallContext) throws(CallNotPermitted) -> Permit {
    try acquire(attemptTimeout: context.attemptTimeoutNanoseconds)
  }

  @usableFromInline
  func settle(_ permit: consuming Permit, _ outcome: Outcome) {
    switch outcome {
    case .success: permit.succeed()
    case .ignored: permit.ignore()
    case .failure(let failureClass, let advice):
      let isFailure =
        switch failureClass.verdict {
        case _ where failureClass.isOfConnection && advice.isOfEjectedEndpoint: false
        case .failure: true
        case .ignored: false
        case .failureWhenSlow: permit.isSlow(at: clock.coarseNow)
        }
      if isFailure {
        permit.fail(
          errorClass: failureClass.rawValue,
          unavailableFor: failureClass == .unavailable ? advice.retryAfter : nil,
          // One instance of several is gone: calls that fail of it fail at once, and many in a row.
          countsInRow: !(failureClass.isOfConnection && advice.hasOtherEndpoint))
      } else {
        permit.ignore()
      }
    }
  }
}

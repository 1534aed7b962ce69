extension CircuitBreaker: Policy {
  /// Lets the operation run if the circuit permits, and learns from its outcome.
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    let permit: Permit
    do {
      permit = try acquire(attemptTimeout: context.attemptTimeoutNanoseconds)
    } catch {
      return .ignored(error)
    }
    let attempt = await operation(context)
    switch attempt.outcome {
    case .success: permit.succeed()
    case .ignored: permit.ignore()
    case .failure(let failureClass, let advice):
      let isFailure =
        switch failureClass.verdict {
        case .failure: true
        case .ignored: false
        case .failureWhenSlow: permit.isSlow(at: clock.now)
        }
      if isFailure {
        permit.fail(
          errorClass: failureClass.rawValue,
          unavailableFor: failureClass == .unavailable ? advice.retryAfter : nil)
      } else {
        permit.ignore()
      }
    }
    return attempt
  }
}

/// Tells the transport how long it may take: the attempt timeout or what is left of the deadline.
///
/// No race of tasks (7 us, and it would still wait for an operation that does not cooperate): the
/// operation reads `context.attemptTimeout`, its transport ends the attempt and reports
/// `.attemptTimedOut`.
package struct AttemptTimeout: Policy {
  private let clock: any ResilienceClock

  package init(clock: any ResilienceClock = MonotonicClock()) {
    self.clock = clock
  }

  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    guard context.deadline != .none else { return await operation(context) }
    let remaining = context.deadline.remainingNanoseconds(at: clock.now)
    guard remaining > 0 else { return .ignored(DeadlineExceeded(place: .client)) }
    guard remaining < context.attemptTimeoutNanoseconds else { return await operation(context) }
    var context = context
    context.attemptTimeoutNanoseconds = remaining
    let attempt = await operation(context)
    // A timeout that the deadline had cut short is the deadline's, even if it fires a bit early.
    guard case .failure(.attemptTimedOut, _) = attempt.outcome else { return attempt }
    return Attempt(
      .failure(DeadlineExceeded(place: .client)), .failure(.deadlinePassed))
  }
}

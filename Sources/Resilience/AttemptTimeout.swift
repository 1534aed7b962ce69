/// Tells the transport how long it may take: the attempt timeout or what is left of the deadline.
///
/// No race of tasks (7 us, and it would still wait for an operation that does not cooperate): the
/// operation reads `context.attemptTimeout`, its transport ends the attempt and reports
/// `.attemptTimedOut`.
@usableFromInline
package struct AttemptTimeout: Policy {
  private let clock: any ResilienceClock

  package init(clock: any ResilienceClock = MonotonicClock()) {
    self.clock = clock
  }

  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    switch limit(of: context) {
    case .itsOwn: return await operation(context)
    case .passed: return .ignored(DeadlineExceeded(place: .client))
    case .deadline(let context):
      let attempt = await operation(context)
      // A timeout that the deadline had cut short is the deadline's, even if it fires a bit early.
      guard case .failure(.attemptTimedOut, _) = attempt.outcome else { return attempt }
      return Attempt(.failure(DeadlineExceeded(place: .client)), .failure(.deadlinePassed))
    }
  }

  /// What ends an attempt: its own timeout, or the deadline, which comes first or is over.
  @usableFromInline
  enum Limit {
    case itsOwn, passed
    case deadline(CallContext)
  }

  @usableFromInline
  func limit(of context: CallContext) -> Limit {
    guard context.deadline != .none, isNear(context) else { return .itsOwn }
    let remaining = context.deadline.remainingNanoseconds(at: clock.now)
    guard remaining > 0 else { return .passed }
    guard remaining < context.attemptTimeoutNanoseconds else { return .itsOwn }
    var context = context
    context.attemptTimeoutNanoseconds = remaining
    return .deadline(context)
  }

  /// Whether the deadline may come before the attempt's own timeout. Most do not by far, and then the
  /// coarse reading says so.
  private func isNear(_ context: CallContext) -> Bool {
    let latest = clock.coarseNow.nanoseconds.saturatingAdd(coarseLagMax)
    return context.deadline.instant.nanoseconds.saturatingSubtract(latest)
      < context.attemptTimeoutNanoseconds
  }
}

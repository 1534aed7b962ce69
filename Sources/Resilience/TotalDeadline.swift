/// One budget of time for the whole logical call: the soonest of its own, the caller's and that of
/// the request being served.
@usableFromInline
package struct TotalDeadline: Policy {
  private let total: Duration?
  private let clock: any ResilienceClock

  /// - Parameter total: nil when only given deadlines count.
  package init(_ total: Duration?, clock: any ResilienceClock = MonotonicClock()) {
    self.total = total
    self.clock = clock
  }

  @inlinable
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    guard let context = begun(context) else {
      return .ignored(DeadlineExceeded(place: .client))
    }
    return await operation(context)
  }

  /// - Returns: nil when the time is over already.
  @usableFromInline
  func begun(_ context: CallContext) -> CallContext? {
    let now = clock.now
    var context = context
    context.began = now
    if let total { context.deadline = min(context.deadline, Deadline(after: total, from: now)) }
    if let inherited = Deadline.current { context.deadline = min(context.deadline, inherited) }
    return context.deadline.hasPassed(at: now) ? nil : context
  }
}

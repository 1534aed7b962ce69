/// One budget of time for the whole logical call: the soonest of its own, the caller's and that of
/// the request being served.
///
/// Counts from the clock's coarse reading: its own total, which is seconds long, ends some milliseconds
/// early, and whether a given deadline is over to the millisecond is for `AttemptTimeout` to say.
@usableFromInline
package struct TotalDeadline: Policy {
  /// Nanoseconds; Int64.max when only given deadlines count.
  private let total: Int64
  private let clock: any ResilienceClock

  /// - Parameter total: nil when only given deadlines count.
  package init(_ total: Duration?, clock: any ResilienceClock = MonotonicClock()) {
    self.total = total?.nanosecondsSaturated ?? .max
    self.clock = clock
  }

  @inlinable @inline(__always)
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
    let now = clock.coarseNow
    var context = context
    context.began = now
    let own = Deadline(MonotonicInstant(nanoseconds: now.nanoseconds.saturatingAdd(total)))
    context.deadline = min(context.deadline, own)
    if let inherited = Deadline.current { context.deadline = min(context.deadline, inherited) }
    return context.deadline.hasPassed(at: now) ? nil : context
  }
}

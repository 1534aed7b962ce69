/// The results a circuit breaker judges by: the last so many, or those of the last so many seconds.
struct OutcomeWindow: Sendable {
  // One of the two is nil for good. Optionals, because results are then recorded in place; a payload
  // of an enum would be taken out and put back.
  private var byCount: CountWindow?
  private var byTime: TimeWindow?

  init(_ window: CircuitBreakerSettings.Window) {
    switch window {
    case .count(let size): byCount = CountWindow(size: size)
    case .time(let bucketWidth, let buckets):
      byTime = TimeWindow(bucketWidth: bucketWidth.nanosecondsSaturated, buckets: buckets)
    }
  }

  mutating func record(failed: Bool, slow: Bool, at now: Int64) {
    byCount?.record(failed: failed, slow: slow)
    byTime?.record(failed: failed, slow: slow, at: now)
  }

  /// What the window holds at `now`.
  mutating func counts(at now: Int64) -> WindowCounts {
    byTime?.moveOn(to: now)
    return counts
  }

  /// What the window held when it was last touched.
  var counts: WindowCounts { byCount?.counts ?? byTime?.counts ?? WindowCounts() }

  mutating func clear() {
    byCount?.clear()
    byTime?.clear()
  }
}

/// An instant of a clock that wall-clock steps do not move, in nanoseconds since the clock's start.
///
/// Every policy counts time in these: window buckets, open waits, leases, backoff, budgets, ejection.
package struct MonotonicInstant: Comparable, Hashable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Later than every instant a call can reach.
  package static let distantFuture = MonotonicInstant(nanoseconds: .max)

  package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// Saturates at the end of time rather than trapping.
  package static func + (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: instant.nanoseconds.saturatingAdd(duration.nanosecondsSaturated))
  }

  package static func - (left: MonotonicInstant, right: MonotonicInstant) -> Duration {
    .nanoseconds(left.nanoseconds.saturatingSubtract(right.nanoseconds))
  }
}

extension Duration {
  /// Whole nanoseconds, rounded towards zero, saturated at the ends of Int64 (292 years).
  var nanosecondsSaturated: Int64 {
    let (seconds, attoseconds) = components
    return seconds.saturatingMultiply(1_000_000_000).saturatingAdd(attoseconds / 1_000_000_000)
  }
}

extension Int64 {
  func saturatingAdd(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  func saturatingSubtract(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }

  func saturatingMultiply(_ other: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
  }
}

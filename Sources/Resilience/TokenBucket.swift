/// Tokens that come at a steady rate up to a burst, counted in nanoseconds of credit so that nothing
/// is rounded away between two takings.
package struct TokenBucket: Sendable {
  /// Nanoseconds of credit that one token costs.
  package let cost: Int64
  private let creditMax: Int64
  private var credit: Int64
  private var updated: MonotonicInstant

  /// Full at `now`.
  ///
  /// - Parameters:
  ///   - perSecond: tokens; 1 through 1,000,000,000.
  ///   - burst: tokens that may be taken at once after a quiet time.
  package init(perSecond: Int, burst: Int, at now: MonotonicInstant) {
    // Rounded up: rather a little slower than asked for.
    cost = (1_000_000_000 + Int64(perSecond) - 1) / Int64(perSecond)
    creditMax = cost.saturatingMultiply(Int64(burst))
    credit = creditMax
    updated = now
  }

  /// Takes a token unless fewer than `spared` would remain for those ahead.
  ///
  /// - Returns: nil when taken; otherwise how long until that is possible.
  package mutating func take(sparing spared: Int = 0, at now: MonotonicInstant) -> Duration? {
    refill(at: now)
    let needed = cost.saturatingMultiply(Int64(spared).saturatingAdd(1))
    guard credit >= needed else { return .nanoseconds(needed - credit) }
    credit -= cost
    return nil
  }

  /// Whole tokens that are there.
  package mutating func remaining(at now: MonotonicInstant) -> Int {
    refill(at: now)
    return Int(credit / cost)
  }

  private mutating func refill(at now: MonotonicInstant) {
    guard now > updated else { return }
    let elapsed = now.nanoseconds.saturatingSubtract(updated.nanoseconds)
    credit = min(creditMax, credit.saturatingAdd(elapsed))
    updated = now
  }
}

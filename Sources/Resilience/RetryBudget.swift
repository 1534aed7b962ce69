import Synchronization

/// Bounds the load that retries add: over any `ttl` that ends at a retry,
/// retries <= percent of the calls + `minPerSecond * ttl`.
///
/// Counted over time rather than over calls in flight: a share of those shrinks while calls turn
/// into retries (envoy-mobile#811).
package final class RetryBudget: Sendable {
  /// One retry's leave; hand it to `refund` if the retry was not made after all.
  package struct Withdrawal: ~Copyable, Sendable {
    fileprivate let bucket: Int64
  }

  private let percent: Int
  private let reserve: Int
  private let counts: Mutex<RetryCounts>

  package init(_ budget: RetrySettings.Budget) {
    percent = budget.percent
    let ttl = budget.ttl.nanosecondsSaturated
    reserve = Int(Int64(budget.minPerSecond).saturatingMultiply(ttl) / 1_000_000_000)
    counts = Mutex(RetryCounts(bucketWidth: max(1, ttl / Int64(RetryCounts.callBuckets))))
  }

  /// Once per logical call, not per attempt.
  package func deposit(at now: MonotonicInstant) {
    counts.withLock { $0.addCall(at: now.nanoseconds) }
  }

  /// - Returns: nil when the budget is used up.
  package func withdraw(at now: MonotonicInstant) -> Withdrawal? {
    counts.withLock { counts in
      counts.moveOn(to: now.nanoseconds)
      guard available(counts) >= 1 else { return nil }
      return Withdrawal(bucket: counts.addRetry())
    }
  }

  package func refund(_ withdrawal: consuming Withdrawal) {
    let bucket = withdrawal.bucket
    counts.withLock { $0.removeRetry(from: bucket) }
  }

  /// Retries that would be granted now; never negative.
  package func balance(at now: MonotonicInstant) -> Int {
    counts.withLock { counts in
      counts.moveOn(to: now.nanoseconds)
      return available(counts)
    }
  }

  private func available(_ counts: RetryCounts) -> Int {
    max(0, (percent * counts.calls + reserve * 100) / 100 - counts.retries)
  }
}

/// Calls and retries of the recent past, in buckets.
///
/// A call is forgotten up to a bucket early and a retry up to a bucket late, so that rounding to
/// buckets never grants more than the exact count would.
struct RetryCounts: Sendable {
  static let callBuckets = 10
  private static let retryBuckets = callBuckets + 1

  private let bucketWidth: Int64
  private var callsIn = Array(repeating: 0, count: callBuckets)
  private var retriesIn = Array(repeating: 0, count: retryBuckets)
  private var newest: Int64?
  /// Until then nothing is too old, and no division is needed to know it.
  private var newestEnd = Int64.min
  /// Of the newest bucket among those of calls.
  private var callPlace = 0
  private(set) var calls = 0
  private(set) var retries = 0

  init(bucketWidth: Int64) {
    self.bucketWidth = bucketWidth
  }

  mutating func addCall(at now: Int64) {
    moveOn(to: now)
    callsIn[callPlace] += 1
    calls += 1
  }

  /// Into the newest bucket; returns its number.
  mutating func addRetry() -> Int64 {
    let bucket = newest ?? 0
    retriesIn[place(bucket, Self.retryBuckets)] += 1
    retries += 1
    return bucket
  }

  /// Does nothing once the bucket has been forgotten.
  mutating func removeRetry(from bucket: Int64) {
    guard let newest, newest - bucket < Int64(Self.retryBuckets) else { return }
    retriesIn[place(bucket, Self.retryBuckets)] -= 1
    retries -= 1
  }

  @inline(__always)
  mutating func moveOn(to now: Int64) {
    if now >= newestEnd { begin(now.floorDivided(by: bucketWidth)) }
  }

  /// - Parameter current: a bucket's number.
  @inline(never)
  private mutating func begin(_ current: Int64) {
    newestEnd = (current + 1).saturatingMultiply(bucketWidth)
    callPlace = place(current, Self.callBuckets)
    guard let newest else {
      self.newest = current
      return
    }
    guard current > newest else { return }
    for step in 1...min(current - newest, Int64(Self.retryBuckets)) {
      let retryPlace = place(newest + step, Self.retryBuckets)
      retries -= retriesIn[retryPlace]
      retriesIn[retryPlace] = 0
      let emptied = place(newest + step, Self.callBuckets)
      calls -= callsIn[emptied]
      callsIn[emptied] = 0
    }
    self.newest = current
  }

  private func place(_ bucket: Int64, _ buckets: Int) -> Int {
    let remainder = Int(bucket % Int64(buckets))
    return remainder < 0 ? remainder + buckets : remainder
  }
}

/// The results of the last `buckets` bucket widths, filed by the instant of their completion.
///
/// Bucket k holds the results of [k * width, (k + 1) * width). Moving on by k buckets clears
/// min(k, buckets) of them, so an idle hour costs no more than one full turn.
struct TimeWindow: Sendable {
  private let bucketWidth: Int64
  private var buckets: [WindowCounts]
  /// The newest bucket's number since the clock's start, and its place in the ring.
  private var newest: Int64?
  /// Until then nothing is too old, and no division is needed to know it.
  private var newestEnd = Int64.min
  private var position = 0
  private(set) var counts = WindowCounts()

  /// - Parameter bucketWidth: nanoseconds.
  init(bucketWidth: Int64, buckets: Int) {
    self.bucketWidth = bucketWidth
    self.buckets = Array(repeating: WindowCounts(), count: buckets)
  }

  @inline(__always)
  mutating func record(failed: Bool, slow: Bool, at now: Int64) {
    moveOn(to: now)
    buckets[position].add(failed: failed, slow: slow)
    counts.add(failed: failed, slow: slow)
  }

  /// Forgets what is too old at `now`. An instant before the newest bucket, read by another thread a
  /// moment ago, is filed there.
  @inline(__always)
  mutating func moveOn(to now: Int64) {
    if now >= newestEnd { begin(now.floorDivided(by: bucketWidth)) }
  }

  /// - Parameter current: a bucket's number.
  @inline(never)
  private mutating func begin(_ current: Int64) {
    newestEnd = (current + 1).saturatingMultiply(bucketWidth)
    guard let newest else {
      self.newest = current
      return
    }
    guard current > newest else { return }
    for _ in 0..<min(current - newest, Int64(buckets.count)) {
      position = position + 1 == buckets.count ? 0 : position + 1
      counts.subtract(buckets[position])
      buckets[position] = WindowCounts()
    }
    self.newest = current
  }

  mutating func clear() {
    for index in buckets.indices { buckets[index] = WindowCounts() }
    counts = WindowCounts()
    newest = nil
    newestEnd = .min
  }
}

extension Int64 {
  /// The quotient rounded towards minus infinity, so that buckets are equally wide around zero.
  func floorDivided(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

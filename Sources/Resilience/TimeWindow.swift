/// The results of the last `buckets` bucket widths, filed by the instant of their completion.
///
/// Bucket k holds the results of [k * width, (k + 1) * width). Moving on by k buckets clears
/// min(k, buckets) of them, so an idle hour costs no more than one full turn.
struct TimeWindow: Sendable {
  private let bucketWidth: Int64
  /// The newest bucket, apart from the others so that recording touches no array.
  private var newest = WindowCounts()
  /// Its number since the clock's start; nil before the first result or reading.
  private var newestNumber: Int64?
  /// Until then nothing is too old, and no division is needed to know it.
  private var newestEnd = Int64.min
  /// The other buckets, a ring; and the place of the oldest, or of one that was never filled.
  private var older: [WindowCounts]
  private var oldest = 0
  private var olderCounts = WindowCounts()

  /// - Parameters:
  ///   - bucketWidth: nanoseconds.
  ///   - buckets: one or more.
  init(bucketWidth: Int64, buckets: Int) {
    self.bucketWidth = bucketWidth
    older = Array(repeating: WindowCounts(), count: buckets - 1)
  }

  var counts: WindowCounts { olderCounts + newest }

  @inline(__always)
  mutating func record(failed: Bool, slow: Bool, at now: Int64) {
    moveOn(to: now)
    newest.add(failed: failed, slow: slow)
  }

  /// Forgets what is too old at `now`. An instant before the newest bucket, read by another thread a
  /// moment ago, is filed there.
  @inline(__always)
  mutating func moveOn(to now: Int64) {
    if now >= newestEnd { beginBucket(at: now) }
  }

  @inline(never)
  private mutating func beginBucket(at now: Int64) {
    let number = now.floorDivided(by: bucketWidth)
    newestEnd = (number + 1).saturatingMultiply(bucketWidth)
    guard let last = newestNumber else {
      newestNumber = number
      return
    }
    guard number > last else { return }
    for _ in 0..<min(number - last, Int64(older.count + 1)) { putNewestAside() }
    newestNumber = number
  }

  private mutating func putNewestAside() {
    defer { newest = WindowCounts() }
    guard !older.isEmpty else { return }
    olderCounts = olderCounts - older[oldest] + newest
    older[oldest] = newest
    oldest = oldest + 1 == older.count ? 0 : oldest + 1
  }

  mutating func clear() { self = TimeWindow(bucketWidth: bucketWidth, buckets: older.count + 1) }
}

extension Int64 {
  /// The quotient rounded towards minus infinity, so that buckets are equally wide around zero.
  func floorDivided(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

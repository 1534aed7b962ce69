/// Durations counted in buckets whose width grows with the duration, so that each is known to less than
/// 1.6 % of itself, whatever its size (Gil Tene's HdrHistogram, in 3,500 counters).
struct LatencyHistogram: Sendable {
  /// Buckets of one power of two: 64 of equal width.
  private static let fineBits = 6
  private static let fine = 1 << fineBits
  /// Durations from here on are counted as this: 2^59 ns, 18 years.
  private static let exponentMax = 59

  private var counts = [UInt64](repeating: 0, count: (exponentMax - fineBits + 2) * fine)
  private(set) var count: UInt64 = 0
  private(set) var max: Duration = .zero
  private var sum: Duration = .zero

  var mean: Duration { count == 0 ? .zero : sum / Int(count) }

  /// Counts one; a negative duration counts as none.
  mutating func record(_ duration: Duration) {
    let taken = Swift.max(duration, .zero)
    counts[Self.bucket(of: Self.nanoseconds(taken))] += 1
    count += 1
    sum += taken
    max = Swift.max(max, taken)
  }

  mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    count += other.count
    sum += other.sum
    max = Swift.max(max, other.max)
  }

  /// What at least the share `quantile` of all durations did not exceed: the upper end of a bucket, and
  /// never more than `max`. Zero of none.
  ///
  /// - Parameter quantile: from 0 to 1.
  func value(at quantile: Double) -> Duration {
    let rank = Swift.max(1, UInt64((quantile * Double(count)).rounded(.up)))
    var seen: UInt64 = 0
    for (index, bucket) in counts.enumerated() where bucket > 0 {
      seen += bucket
      if seen >= rank { return min(max, .nanoseconds(Self.upperEnd(of: index))) }
    }
    return max
  }

  private static func nanoseconds(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    guard seconds < 1 << 29 else { return 1 << exponentMax }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }

  /// The first two rows of 64 are exact; each further one covers the next power of two.
  private static func bucket(of nanoseconds: UInt64) -> Int {
    let value = min(nanoseconds, 1 << exponentMax)
    let exponent = Swift.max(0, UInt64.bitWidth - value.leadingZeroBitCount - fineBits - 1)
    return exponent * fine + Int(value >> UInt64(exponent))
  }

  private static func upperEnd(of bucket: Int) -> Int64 {
    let exponent = Swift.max(0, bucket / fine - 1)
    let place = bucket - exponent * fine
    return (Int64(place) + 1) << Int64(exponent) - 1
  }
}

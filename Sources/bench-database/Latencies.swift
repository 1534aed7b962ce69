import EventLoops

/// How many operations took how many microseconds, to the microsecond.
final class Latencies: @unchecked Sendable {
  // @unchecked: written on one loop's thread alone, and read when its callers have ended.

  /// Those that took longer count as this long.
  private static let microsecondsMax = 1_000_000

  private(set) var count = 0
  private var counts = [UInt32](repeating: 0, count: microsecondsMax + 1)

  func add(_ duration: Duration) {
    count += 1
    counts[min(Int(duration.wholeNanoseconds / 1000), Self.microsecondsMax)] += 1
  }

  func add(_ other: Latencies) {
    count += other.count
    for position in counts.indices { counts[position] += other.counts[position] }
  }

  /// What `share` of the operations took no longer than.
  func microseconds(below share: Double) -> Int {
    let wanted = Double(count) * share
    var sum = 0
    for (microseconds, count) in counts.enumerated() {
      sum += Int(count)
      if Double(sum) >= wanted { return microseconds }
    }
    return Self.microsecondsMax
  }
}

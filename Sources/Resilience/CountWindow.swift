/// The last `size` results, two bits each, with running totals: O(1) and no allocation per result.
struct CountWindow: Sendable {
  private let size: Int
  /// 32 results a word; bit 0 of each is failed, bit 1 slow.
  private var words: [UInt64]
  private var position = 0
  private(set) var counts = WindowCounts()

  init(size: Int) {
    self.size = size
    words = Array(repeating: 0, count: (size + 31) / 32)
  }

  mutating func record(failed: Bool, slow: Bool) {
    let word = position >> 5
    let shift = UInt64((position & 31) * 2)
    if counts.recorded == size {
      let oldest = (words[word] >> shift) & 3
      counts.remove(failed: oldest & 1 != 0, slow: oldest & 2 != 0)
    }
    let result: UInt64 = (failed ? 1 : 0) | (slow ? 2 : 0)
    words[word] = words[word] & ~(3 << shift) | (result << shift)
    counts.add(failed: failed, slow: slow)
    position = position + 1 == size ? 0 : position + 1
  }

  mutating func clear() {
    // The totals say how many results are live, so the old bits need not be wiped.
    position = 0
    counts = WindowCounts()
  }
}

/// What a window holds.
struct WindowCounts: Equatable, Sendable {
  var recorded = 0
  var failed = 0
  var slow = 0

  mutating func add(failed: Bool, slow: Bool) {
    recorded += 1
    if failed { self.failed += 1 }
    if slow { self.slow += 1 }
  }

  mutating func remove(failed: Bool, slow: Bool) {
    recorded -= 1
    if failed { self.failed -= 1 }
    if slow { self.slow -= 1 }
  }

  static func + (one: WindowCounts, other: WindowCounts) -> WindowCounts {
    WindowCounts(
      recorded: one.recorded + other.recorded, failed: one.failed + other.failed,
      slow: one.slow + other.slow)
  }

  static func - (one: WindowCounts, other: WindowCounts) -> WindowCounts {
    WindowCounts(
      recorded: one.recorded - other.recorded, failed: one.failed - other.failed,
      slow: one.slow - other.slow)
  }

  /// Whether `percent` or more of the results failed, in integers: rounding must not decide.
  func failureRateReaches(percent: Int) -> Bool { failed * 100 >= recorded * percent }
  func slowRateReaches(percent: Int) -> Bool { slow * 100 >= recorded * percent }
}

import Glibc

/// An instant of CLOCK_MONOTONIC, in nanoseconds since boot. Steps of the wall clock do not move it.
package struct MonotonicTime: Comparable, Hashable, Sendable {
  /// Since the clock's start.
  package let nanoseconds: Int64

  /// - Parameter nanoseconds: since the clock's start.
  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// The present, by a system call (about 40 ns); `EventLoop.now` is the loop's own, coarser one.
  package static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// Saturates at the end of time rather than trapping.
  package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
    let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return MonotonicTime(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
  }

  /// How long it is from the right to the left; negative if the right comes later.
  package static func - (left: MonotonicTime, right: MonotonicTime) -> Duration {
    // `.nanoseconds` would be slower by a generic multiplication.
    Duration(attoseconds: Int128(left.nanoseconds - right.nanoseconds) * 1_000_000_000)
  }
}

extension Duration {
  /// Nanoseconds, rounded down, saturated at Int64's ends (292 years).
  package var wholeNanoseconds: Int64 {
    // Up to 9.2 seconds without a division of 128 bits.
    if let attoseconds = Int64(exactly: attoseconds) { return attoseconds / 1_000_000_000 }
    return Int64(clamping: attoseconds / 1_000_000_000)
  }
}

import Glibc

/// The only source of time of this module. Wall time is forbidden here: a step of it would pin a
/// circuit breaker open or let a wait be skipped.
package protocol ResilienceClock: Sendable {
  /// Never goes back.
  var now: MonotonicInstant { get }

  /// As `now`, up to some milliseconds late; for what counts in seconds, because reading it is cheap.
  /// Never goes back either, but may lie before a `now` that was read earlier.
  var coarseNow: MonotonicInstant { get }

  /// Suspends the task until `instant`; returns at once when it has passed.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws
}

/// Nanoseconds by which a coarse reading may be late: two ticks of a kernel with 100 a second.
let coarseLagMax: Int64 = 20_000_000

extension ResilienceClock {
  package var coarseNow: MonotonicInstant { now }
}

/// CLOCK_MONOTONIC, and the runtime's own timer for sleeping.
package struct MonotonicClock: ResilienceClock {
  package init() {}

  package var now: MonotonicInstant { Self.read(CLOCK_MONOTONIC) }

  /// As of the kernel's last tick: 4 ms ago at most with Debian's kernel. A quarter of the time that
  /// `now` takes.
  package var coarseNow: MonotonicInstant { Self.read(CLOCK_MONOTONIC_COARSE) }

  private static func read(_ clock: clockid_t) -> MonotonicInstant {
    var time = timespec()
    clock_gettime(clock, &time)
    return MonotonicInstant(
      nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  package nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws {
    let remaining = instant.nanoseconds.saturatingSubtract(now.nanoseconds)
    guard remaining > 0 else { return try Task.checkCancellation() }
    try await Task.sleep(for: .nanoseconds(remaining))
  }
}

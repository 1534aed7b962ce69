import Glibc

/// The only source of time of this module. Wall time is forbidden here: a step of it would pin a
/// circuit breaker open or let a wait be skipped.
package protocol ResilienceClock: Sendable {
  /// Never goes back.
  var now: MonotonicInstant { get }

  /// Suspends the task until `instant`; returns at once when it has passed.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws
}

/// CLOCK_MONOTONIC, and the runtime's own timer for sleeping.
package struct MonotonicClock: ResilienceClock {
  package init() {}

  package var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(
      nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  package nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws {
    let remaining = instant.nanoseconds.saturatingSubtract(now.nanoseconds)
    guard remaining > 0 else { return try Task.checkCancellation() }
    try await Task.sleep(for: .nanoseconds(remaining))
  }
}

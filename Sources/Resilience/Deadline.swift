/// The instant after which nobody waits for the answer any more.
@usableFromInline
package struct Deadline: Comparable, Hashable, Sendable {
  package let instant: MonotonicInstant

  package init(_ instant: MonotonicInstant) {
    self.instant = instant
  }

  /// `duration` from `now`.
  package init(after duration: Duration, from now: MonotonicInstant) {
    instant = now + duration
  }

  /// No limit.
  @usableFromInline package static let none = Deadline(.distantFuture)

  /// The deadline of the request being served; every call made for it inherits it. A server sets it
  /// from `X-Request-Timeout-Ms`:
  /// `try await Deadline.$current.withValue(deadline) { try await handler.handle(request) }`
  @TaskLocal package static var current: Deadline?

  @usableFromInline
  package static func < (left: Deadline, right: Deadline) -> Bool { left.instant < right.instant }

  /// What is left of it; zero when it has passed.
  package func remaining(at now: MonotonicInstant) -> Duration {
    .nanoseconds(remainingNanoseconds(at: now))
  }

  package func hasPassed(at now: MonotonicInstant) -> Bool { now >= instant }

  func remainingNanoseconds(at now: MonotonicInstant) -> Int64 {
    max(0, instant.nanoseconds.saturatingSubtract(now.nanoseconds))
  }
}

/// How often a loop may ask Consul, whatever the answers: two requests at once, then one per half
/// second. What makes a busy loop of a poll elsewhere costs two requests a second here.
struct RequestPacer {
  static let burst = 2
  static let refill: Duration = .milliseconds(500)

  /// When the bucket will be, or was, full.
  private var fullAt: ContinuousClock.Instant?

  /// Takes one token.
  ///
  /// - Returns: how long to wait before the request it stands for.
  mutating func take(at now: ContinuousClock.Instant) -> Duration {
    let full = max(fullAt ?? now, now) + Self.refill
    fullAt = full
    let wait = full - now - Self.refill * Self.burst
    return max(.zero, wait)
  }
}

/// Waits between failures: 100 ms doubled each time up to 2 s, each drawn from zero to that, so that
/// many processes do not return together; 5 s where the agent refuses the token.
struct ConsulBackoff {
  static let base: Duration = .milliseconds(100)
  static let most: Duration = .seconds(2)
  static let afterRefusal: Duration = .seconds(5)

  private var failures = 0

  mutating func reset() { failures = 0 }

  mutating func next(
    after error: any Error, using random: inout some RandomNumberGenerator
  ) -> Duration {
    if case ConsulError.forbidden = error { return Self.afterRefusal }
    let ceiling = min(Self.most, Self.base * (1 << min(failures, 10)))
    failures += 1
    let (seconds, attoseconds) = ceiling.components
    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    return .nanoseconds(Int64.random(in: 0...nanoseconds, using: &random))
  }
}

import Testing

@testable import Resilience

@Suite("rate limiter")
struct RateLimiterTests {
  let clock = ManualClock()

  func limiter(
    perSecond: Int = 10, burst: Int = 2, wait: Duration = .zero, waiting: Int = 256
  ) throws -> RateLimiter {
    RateLimiter(
      name: "search",
      config: try RateLimiterConfig(
        RateLimiterSettings(
          perSecond: perSecond, burst: burst, waitMax: wait, waitersMax: waiting)), clock: clock)
  }

  @Test("past the burst a call is refused with the time to the next token")
  func refusal() throws {
    let limiter = try limiter()
    for _ in 0..<2 { try clock.run { try await limiter.take() } }
    clock.advance(by: .milliseconds(40))
    let refusal = #expect(throws: RateLimited.self) { try clock.run { try await limiter.take() } }
    #expect(refusal == RateLimited(name: "search", retryAfter: .milliseconds(60)))
    clock.advance(by: .milliseconds(60))
    try clock.run { try await limiter.take() }
  }

  @Test("who waits takes its token in the order of arrival")
  func order() throws {
    let (limiter, order) = (try limiter(burst: 1, wait: .seconds(10)), EventRecorder<Int>())
    let clock = clock
    let start = clock.now
    let instants = EventRecorder<Duration>()
    for number in 1...5 {
      _ = clock.start {
        try await limiter.take()
        order.record(number)
        instants.record(clock.now - start)
      }
    }
    clock.advance(by: .seconds(1))
    #expect(order.events == [1, 2, 3, 4, 5])
    #expect(instants.events == [0, 100, 200, 300, 400].map { .milliseconds($0) })
    #expect(limiter.waiting == 0)
  }

  @Test("a newcomer does not take the token that has just come for a waiter")
  func newcomer() throws {
    let (limiter, order) = (try limiter(burst: 1, wait: .seconds(10)), EventRecorder<Int>())
    let clock = clock
    try clock.run { try await limiter.take() }
    // Wakes first at the instant of the next token, because it went to sleep first.
    _ = clock.start {
      try await clock.sleep(until: clock.now + .milliseconds(100))
      try await limiter.take()
      order.record(2)
    }
    _ = clock.start {
      try await limiter.take()
      order.record(1)
    }
    clock.advance(by: .milliseconds(100))
    #expect(order.events == [1])
    clock.advance(by: .milliseconds(100))
    #expect(order.events == [1, 2])
  }

  @Test("a cancelled waiter gives its turn back")
  func cancellation() throws {
    let limiter = try limiter(burst: 1, wait: .seconds(10))
    try clock.run { try await limiter.take() }
    let first = clock.start { try await limiter.take() }
    let second = clock.start { try await limiter.take() }
    first.cancel(clock)
    #expect(first.error is CancellationError)
    #expect(limiter.waiting == 1)
    clock.advance(by: .milliseconds(200))
    #expect(second.isFinished)
    #expect(second.error == nil)
  }

  @Test("nobody waits past the deadline or in a full queue")
  func bounds() throws {
    let limiter = try limiter(burst: 1, wait: .seconds(10), waiting: 1)
    try clock.run { try await limiter.take() }
    let soon = Deadline(after: .milliseconds(99), from: clock.now)
    #expect(throws: RateLimited.self) { try clock.run { try await limiter.take(deadline: soon) } }
    let waiter = clock.start { try await limiter.take() }
    #expect(throws: RateLimited.self) { try clock.run { try await limiter.take() } }
    #expect(!waiter.isFinished)
  }

  @Test("in any span no more is granted than the burst and what the rate adds")
  func rate() {
    expectNoFault { random -> [Int64] in
      (0..<random.int(1...200)).map { _ in random.pick([0, 0, 1, 33, 100, 101, 999, 5_000]) }
    } fault: { steps, seed in
      let (perSecond, burst) = ([1, 3, 7, 1_000][Int(seed % 4)], Int(seed % 5) + 1)
      var now = MonotonicInstant(nanoseconds: 0)
      var bucket = TokenBucket(perSecond: perSecond, burst: burst, at: now)
      var granted: [MonotonicInstant] = []
      for step in steps {
        now = now + .milliseconds(step)
        if bucket.take(at: now) == nil { granted.append(now) }
        for (index, start) in granted.enumerated() {
          let nanoseconds = Double(now.nanoseconds - start.nanoseconds)
          let most = Double(burst) + nanoseconds * Double(perSecond) / 1e9
          if Double(granted.count - index) > most + 1e-6 {
            return "\(granted.count - index) in \(now - start)"
          }
        }
      }
      return nil
    }
  }
}

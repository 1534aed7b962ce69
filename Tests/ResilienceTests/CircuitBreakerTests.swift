import Resilience
import Testing

@Suite("circuit breaker")
struct CircuitBreakerTests {
  struct Failure: Error {}

  let clock = ManualClock()

  func breaker(
    _ preset: CircuitBreakerConfig = .http,
    _ change: (inout CircuitBreakerSettings) -> Void = { $0.openWaitJitter = 0 }
  ) throws -> CircuitBreaker {
    CircuitBreaker(
      name: "payment", config: try preset.changing(change), clock: clock,
      random: RandomSource(seed: 1))
  }

  func succeed(_ breaker: CircuitBreaker, _ times: Int = 1) throws {
    for _ in 0..<times { try breaker.tryAcquirePermit().succeed() }
  }

  func fail(_ breaker: CircuitBreaker, _ times: Int = 1) throws {
    for _ in 0..<times { try breaker.tryAcquirePermit().fail(Failure()) }
  }

  /// Opens it by five failures in a row.
  func opened(
    _ change: (inout CircuitBreakerSettings) -> Void = { $0.openWaitJitter = 0 }
  ) throws -> CircuitBreaker {
    let breaker = try breaker(.http, change)
    try fail(breaker, 5)
    #expect(breaker.state == .open)
    return breaker
  }

  // MARK: - Tripping

  @Test("five failures in a row open the circuit below the minimum of calls")
  func consecutiveFailures() throws {
    let breaker = try breaker()
    try fail(breaker, 4)
    try succeed(breaker)
    try fail(breaker, 4)
    #expect(breaker.state == .closed)
    try fail(breaker)
    #expect(breaker.state == .open)
  }

  @Test("a failure rate that reaches the threshold opens the circuit, from the minimum of calls on")
  func failureRate() throws {
    let breaker = try breaker()
    for _ in 0..<9 {
      try succeed(breaker)
      try fail(breaker)
    }
    try succeed(breaker)
    #expect(breaker.state == .closed)
    #expect(breaker.snapshot.failureRate == -1)
    try fail(breaker)
    #expect(breaker.state == .open)
  }

  @Test("just below the threshold the circuit stays closed")
  func belowFailureRate() throws {
    let breaker = try breaker()
    try succeed(breaker)
    for _ in 0..<50 {
      try succeed(breaker)
      try fail(breaker)
    }
    #expect(breaker.state == .closed)
  }

  @Test("a call exactly as long as the slow limit is not slow, a nanosecond more is")
  func slowLimit() throws {
    let breaker = try breaker()
    let first = try breaker.tryAcquirePermit(attemptTimeout: .seconds(3))
    clock.advance(by: .milliseconds(2_400))
    first.succeed()
    #expect(breaker.snapshot.slow == 0)
    let second = try breaker.tryAcquirePermit(attemptTimeout: .seconds(3))
    clock.advance(by: .milliseconds(2_400) + .nanoseconds(1))
    second.succeed()
    #expect(breaker.snapshot.slow == 1)
    #expect(breaker.snapshot.totals.slowSuccessful == 1)
  }

  @Test("slow successes alone open the circuit")
  func slowCalls() throws {
    let breaker = try breaker(.http) { $0.window = .count(100) }
    for call in 1...20 {
      let permit = try breaker.tryAcquirePermit()
      clock.advance(by: call <= 4 ? .zero : .seconds(2))
      permit.succeed()
      #expect(breaker.state == (call < 20 ? .closed : .open))
    }
  }

  @Test("ignored calls count for nothing")
  func ignored() throws {
    let breaker = try breaker()
    for _ in 0..<100 { try breaker.tryAcquirePermit().ignore() }
    #expect(breaker.snapshot.recorded == 0)
    #expect(breaker.snapshot.totals.ignored == 100)
    try fail(breaker, 4)
    try breaker.tryAcquirePermit().ignore()
    try fail(breaker)
    #expect(breaker.state == .open)
  }

  @Test("a minimum above the count window is cut to its size")
  func cutMinimum() throws {
    let breaker = try breaker(.resilience4j) {
      $0.window = .count(10)
      $0.minimumCalls = 50
    }
    #expect(breaker.config.isMinimumCallsCut)
    try fail(breaker, 9)
    #expect(breaker.state == .closed)
    try fail(breaker)
    #expect(breaker.state == .open)
  }

  // MARK: - Open

  @Test("an open circuit refuses with its name, state and remaining wait")
  func refusal() throws {
    let breaker = try opened()
    clock.advance(by: .seconds(2))
    let refusal = #expect(throws: CallNotPermitted.self) {
      _ = try breaker.tryAcquirePermit()
    }
    #expect(refusal?.name == "payment")
    #expect(refusal?.state == .open)
    #expect(refusal?.retryAfter == .seconds(3))
    #expect(breaker.snapshot.totals.notPermitted == 1)
  }

  @Test("the first call after the wait makes the circuit half open and is its first trial")
  func halfOpens() throws {
    let breaker = try opened()
    clock.advance(by: .seconds(5))
    #expect(breaker.state == .open)
    let permit = try breaker.tryAcquirePermit()
    #expect(breaker.state == .halfOpen)
    permit.ignore()
  }

  @Test("with resilience4j's settings the last instant of the wait still refuses")
  func strictWait() throws {
    let breaker = try breaker(.resilience4j) { $0.minimumCalls = 1 }
    try fail(breaker)
    clock.advance(by: .seconds(60))
    #expect(throws: CallNotPermitted.self) { _ = try breaker.tryAcquirePermit() }
    clock.advance(by: .nanoseconds(1))
    try breaker.tryAcquirePermit().ignore()
  }

  @Test("results that arrive while the circuit is open neither extend the wait nor count")
  func lateResults() throws {
    let breaker = try breaker()
    let late = try breaker.tryAcquirePermit()
    try fail(breaker, 5)
    let before = breaker.snapshot
    clock.advance(by: .seconds(4))
    late.fail(Failure())
    let after = breaker.snapshot
    #expect(after.openUntil == before.openUntil)
    #expect(after.epoch == before.epoch)
    #expect(after.totals.stale == 1)
    #expect(after.totals.failed == 6)
  }

  @Test("the wait doubles with each reopening up to its cap, and closing resets it")
  func waits() throws {
    let breaker = try opened {
      $0.openWaitJitter = 0
      $0.openWaitMultiplier = 2
      $0.openWaitMax = .seconds(10)
    }
    for seconds in [5, 10, 10] {
      #expect(breaker.snapshot.openUntil == clock.now + .seconds(seconds))
      #expect(breaker.snapshot.openedAt == clock.now)
      clock.advance(by: .seconds(seconds))
      try fail(breaker, 2)
      #expect(breaker.state == .open)
    }
    clock.advance(by: .seconds(10))
    try succeed(breaker, 2)
    #expect(breaker.state == .closed)
    try fail(breaker, 5)
    #expect(breaker.snapshot.openUntil == clock.now + .seconds(5))
  }

  @Test("jitter moves the wait by up to a fifth either way", arguments: 1...50)
  func jitter(seed: Int) throws {
    let breaker = CircuitBreaker(
      name: "payment", clock: clock, random: RandomSource(seed: UInt64(seed)))
    try fail(breaker, 5)
    let wait = try #require(breaker.snapshot.openUntil) - clock.now
    #expect((.seconds(4) ... .seconds(6)).contains(wait))
  }

  @Test(
    "15 s after an upstream has healed its circuit is closed, though all first probes hang",
    arguments: 1...50)
  func recovery(seed: Int) throws {
    let breaker = CircuitBreaker(
      name: "payment", clock: clock, random: RandomSource(seed: UInt64(seed)))
    let start = clock.now
    try fail(breaker, 5)
    // It fails for long, and heals right after a trial has found it failing: the worst moment.
    while clock.now - start < .seconds(60) {
      clock.advance(by: try #require(breaker.snapshot.openUntil) - clock.now)
      try fail(breaker, 2)
    }
    let healed = clock.now
    clock.advance(by: try #require(breaker.snapshot.openUntil) - clock.now)
    let attemptTimeout = Duration.seconds(2)
    var first = Optional(try breaker.tryAcquirePermit(attemptTimeout: attemptTimeout))
    var second = Optional(try breaker.tryAcquirePermit(attemptTimeout: attemptTimeout))
    var third = Optional(try breaker.tryAcquirePermit(attemptTimeout: attemptTimeout))
    clock.advance(by: attemptTimeout)
    first.take()?.fail(Failure())
    second.take()?.fail(Failure())
    third.take()?.fail(Failure())
    #expect(breaker.state == .open)
    clock.advance(by: try #require(breaker.snapshot.openUntil) - clock.now)
    try succeed(breaker, 2)
    #expect(breaker.state == .closed)
    #expect(clock.now - healed <= .seconds(14))
  }

  @Test("a 503 with Retry-After lengthens the next wait, within its cap")
  func retryAfter() throws {
    for (asked, wait) in [(1, 5), (7, 7), (600, 10)] {
      let breaker = try breaker {
        $0.openWaitJitter = 0
        $0.openWaitMax = .seconds(10)
      }
      try fail(breaker, 4)
      try breaker.tryAcquirePermit().fail(Failure(), unavailableFor: .seconds(asked))
      #expect(breaker.snapshot.openUntil == clock.now + .seconds(wait))
    }
  }

  // MARK: - Half open

  @Test("a half-open circuit lets only its trials through")
  func trials() throws {
    let breaker = try opened()
    clock.advance(by: .seconds(5))
    let first = try breaker.tryAcquirePermit()
    let second = try breaker.tryAcquirePermit()
    let third = try breaker.tryAcquirePermit()
    let refusal = #expect(throws: CallNotPermitted.self) { _ = try breaker.tryAcquirePermit() }
    #expect(refusal?.state == .halfOpen)
    first.ignore()
    let fourth = try breaker.tryAcquirePermit()
    second.succeed()
    third.succeed()
    #expect(breaker.state == .closed)
    fourth.fail(Failure())
    #expect(breaker.snapshot.recorded == 0)
  }

  @Test("the verdict falls as soon as the missing results cannot change it")
  func earlyVerdict() throws {
    let reopened = try opened()
    clock.advance(by: .seconds(5))
    try fail(reopened)
    #expect(reopened.state == .halfOpen)
    try fail(reopened)
    #expect(reopened.state == .open)

    let closed = try opened()
    clock.advance(by: .seconds(5))
    try succeed(closed)
    #expect(closed.state == .halfOpen)
    try succeed(closed)
    #expect(closed.state == .closed)
  }

  @Test("a dropped trial permit is released, again and again")
  func droppedPermits() throws {
    let breaker = try opened()
    clock.advance(by: .seconds(5))
    for _ in 0..<100 { _ = try breaker.tryAcquirePermit() }
    #expect(breaker.snapshot.totals.permitsOutstanding == 0)
    try succeed(breaker, 2)
    #expect(breaker.state == .closed)
  }

  @Test("a trial that outlives its lease counts as a failure, and its late result for nothing")
  func leases() throws {
    let breaker = try opened {
      $0.openWaitJitter = 0
      $0.halfOpenWaitMax = nil
      $0.halfOpenPermits = 2
    }
    clock.advance(by: .seconds(5))
    let hung = try breaker.tryAcquirePermit(attemptTimeout: .seconds(6))
    clock.advance(by: .seconds(12) - .nanoseconds(1))
    #expect(breaker.state == .halfOpen)
    clock.advance(by: .nanoseconds(1))
    #expect(breaker.state == .open)
    hung.succeed()
    #expect(breaker.state == .open)
    #expect(breaker.snapshot.totals.stale == 1)
  }

  @Test("a trial without verdict ends after its longest wait, as of that instant")
  func longestTrial() throws {
    let breaker = try opened()
    clock.advance(by: .seconds(5))
    try succeed(breaker)
    clock.advance(by: .seconds(12))
    #expect(breaker.state == .open)
    // Reopened two seconds ago, for five.
    #expect(breaker.snapshot.openUntil == clock.now + .seconds(3))
    // After an idle hour the first call is a trial again.
    clock.advance(by: .seconds(3_600))
    try succeed(breaker, 2)
    #expect(breaker.state == .closed)
  }

  @Test("results from before the break neither close the circuit nor use up its trials")
  func staleResults() throws {
    let breaker = try breaker()
    let early = try breaker.tryAcquirePermit()
    let earlier = try breaker.tryAcquirePermit()
    let earliest = try breaker.tryAcquirePermit()
    try fail(breaker, 5)
    clock.advance(by: .seconds(5))
    let trial = try breaker.tryAcquirePermit()
    early.succeed()
    earlier.succeed()
    earliest.ignore()
    #expect(breaker.state == .halfOpen)
    #expect(breaker.snapshot.recorded == 0)
    let second = try breaker.tryAcquirePermit()
    let third = try breaker.tryAcquirePermit()
    #expect(throws: CallNotPermitted.self) { _ = try breaker.tryAcquirePermit() }
    trial.ignore()
    second.ignore()
    third.ignore()
  }

  // MARK: - Orders

  @Test("forced open refuses until ordered otherwise, without saying for how long")
  func forcedOpen() throws {
    let breaker = try breaker()
    breaker.transition(to: .forcedOpen)
    clock.advance(by: .seconds(86_400))
    let refusal = #expect(throws: CallNotPermitted.self) { _ = try breaker.tryAcquirePermit() }
    #expect(refusal?.state == .forcedOpen)
    #expect(refusal?.retryAfter == nil)
    breaker.transition(to: .closed)
    try succeed(breaker)
  }

  @Test("a disabled breaker records nothing and a metrics-only one never trips")
  func disabledAndMetricsOnly() throws {
    let breaker = try breaker()
    breaker.transition(to: .disabled)
    try fail(breaker, 30)
    #expect(breaker.state == .disabled)
    #expect(breaker.snapshot.recorded == 0)
    breaker.transition(to: .metricsOnly)
    try fail(breaker, 30)
    #expect(breaker.state == .metricsOnly)
    #expect(breaker.snapshot.failureRate == 100)
  }

  @Test("a reset closes the circuit and forgets its window")
  func resets() throws {
    let breaker = try opened()
    breaker.reset()
    #expect(breaker.state == .closed)
    #expect(breaker.snapshot.recorded == 0)
    #expect(breaker.snapshot.consecutiveFailures == 0)
    #expect(breaker.snapshot.totals.failed == 5)
  }
}

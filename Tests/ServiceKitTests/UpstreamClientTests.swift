import Resilience
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Polls of a feed")
struct UpstreamClientTests {
  private struct Refused: Error {}

  private let clock = SteppedClock()

  /// A feed's circuit, open, with its wait over.
  private func openedLongAgo() throws -> CircuitBreaker {
    let breaker = CircuitBreaker(
      name: "order-service", config: .longPoll, clock: clock, random: RandomSource(seed: 1))
    for _ in 0..<5 { try breaker.tryAcquirePermit().fail(Refused()) }
    #expect(breaker.state == .open)
    clock.advance(.seconds(30))
    return breaker
  }

  @Test("one poll of a feed that has nothing to tell closes its circuit again")
  func idlePoll() throws {
    let breaker = try openedLongAgo()
    let poll = try breaker.tryAcquirePermit(attemptTimeout: .seconds(15))
    clock.advance(.seconds(10))
    poll.succeed()
    #expect(breaker.state == .closed)
  }

  @Test("a poll that fails opens the circuit again, and one that is lost does so in time")
  func failedPoll() throws {
    let failing = try openedLongAgo()
    try failing.tryAcquirePermit(attemptTimeout: .seconds(15)).fail(Refused())
    #expect(failing.state == .open)

    let breaker = try openedLongAgo()
    let poll = try breaker.tryAcquirePermit(attemptTimeout: .seconds(15))
    clock.advance(.seconds(29))
    #expect(breaker.state == .halfOpen)
    clock.advance(.seconds(2))
    #expect(breaker.state == .open)
    poll.succeed()
    #expect(breaker.state == .open)
  }
}

/// Stands still until a test moves it.
private final class SteppedClock: ResilienceClock {
  private let nanoseconds = Mutex<Int64>(1_000_000_000)

  var now: MonotonicInstant { MonotonicInstant(nanoseconds: nanoseconds.withLock { $0 }) }

  func advance(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    nanoseconds.withLock { $0 += seconds * 1_000_000_000 + attoseconds / 1_000_000_000 }
  }

  nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws {
    try Task.checkCancellation()
  }
}

import Resilience
import Synchronization
import Testing

@Suite("circuit breaker events")
struct CircuitBreakerEventTests {
  struct Failure: Error {}

  let clock = ManualClock()

  func breaker() throws -> CircuitBreaker {
    CircuitBreaker(
      name: "payment", config: try .http.changing { $0.openWaitJitter = 0 }, clock: clock)
  }

  /// What a listener has read, once the breaker is gone and the stream has ended.
  func read(_ events: AsyncStream<CircuitBreakerEvent>) async -> [CircuitBreakerEvent] {
    await events.reduce(into: []) { $0.append($1) }
  }

  @Test("a life of a breaker is told in order")
  func life() async throws {
    var breaker: CircuitBreaker? = try breaker()
    let events = try #require(breaker?.events)
    for _ in 0..<5 { try breaker?.tryAcquirePermit().fail(Failure()) }
    _ = try? breaker?.tryAcquirePermit().succeed()
    clock.advance(by: .seconds(5))
    for _ in 0..<2 { try breaker?.tryAcquirePermit().succeed() }
    breaker?.reset()
    breaker = nil
    let kinds = await read(events).map(\.kind)
    let failed = CircuitBreakerEvent.Kind.callFailed(
      duration: .zero, slow: false, errorClass: "Failure")
    let succeeded = CircuitBreakerEvent.Kind.callSucceeded(duration: .zero, slow: false)
    #expect(
      kinds == [
        failed, failed, failed, failed, failed,
        .thresholdExceeded(recorded: 5, failed: 5, slow: 0, consecutiveFailures: 5),
        .stateTransition(
          from: .closed, to: .open, recorded: 5, failed: 5, slow: 0, openFor: .seconds(5)),
        .callNotPermitted(state: .open),
        .stateTransition(
          from: .open, to: .halfOpen, recorded: 5, failed: 5, slow: 0, openFor: nil),
        succeeded, succeeded,
        .stateTransition(
          from: .halfOpen, to: .closed, recorded: 2, failed: 0, slow: 0, openFor: nil),
        .reset,
      ])
  }

  @Test("who hears transitions alone is told of no call")
  func transitions() async throws {
    var breaker: CircuitBreaker? = try breaker()
    let transitions = try #require(breaker?.transitions)
    try breaker?.tryAcquirePermit().succeed()
    for _ in 0..<5 { try breaker?.tryAcquirePermit().fail(Failure()) }
    _ = try? breaker?.tryAcquirePermit().succeed()
    // Beside somebody who hears all.
    let events = try #require(breaker?.events)
    _ = try? breaker?.tryAcquirePermit().succeed()
    breaker?.reset()
    breaker = nil
    #expect(
      await read(transitions).map(\.kind) == [
        .thresholdExceeded(recorded: 6, failed: 5, slow: 0, consecutiveFailures: 5),
        .stateTransition(
          from: .closed, to: .open, recorded: 6, failed: 5, slow: 0, openFor: .seconds(5)),
        .reset,
      ])
    #expect(await read(events).map(\.kind) == [.callNotPermitted(state: .open), .reset])
  }

  @Test("a listener that never reads loses the oldest, which are counted, and stops nobody")
  func slowListener() async throws {
    var breaker: CircuitBreaker? = try breaker()
    let events = try #require(breaker?.events)
    for _ in 0..<1_000 { try breaker?.tryAcquirePermit().succeed() }
    #expect(breaker?.snapshot.eventsDropped == 744)
    breaker = nil
    #expect(await read(events).count == 256)
  }

  @Test("a listener may call everything of the breaker it listens to")
  func reentrancy() async throws {
    let breaker = try breaker()
    let events = breaker.events
    for _ in 0..<5 { try breaker.tryAcquirePermit().fail(Failure()) }
    for await event in events {
      guard case .stateTransition(_, let to, _, _, _, _) = event.kind else { continue }
      if to == .forcedOpen { break }
      _ = breaker.state
      _ = breaker.events
      breaker.reset()
      try breaker.tryAcquirePermit().succeed()
      breaker.transition(to: .forcedOpen)
    }
    #expect(breaker.state == .forcedOpen)
  }

  @Test("transitions are told in order while many tasks cause them")
  func concurrentOrder() async throws {
    var breaker: CircuitBreaker? = try breaker()
    let events = try #require(breaker?.events)
    await withTaskGroup { group in
      for task in 0..<4 {
        group.addTask { [breaker] in
          for turn in 0..<25 {
            breaker?.transition(to: (task + turn) % 2 == 0 ? .metricsOnly : .closed)
            await Task.yield()
          }
        }
      }
    }
    breaker = nil
    var last = CircuitBreaker.State.closed
    for await event in events {
      guard case .stateTransition(let from, let to, _, _, _, _) = event.kind else { continue }
      #expect(from == last)
      last = to
    }
  }

  @Test("however many tasks try, no more than the trials of a half-open circuit run at once")
  func concurrentTrials() async throws {
    for round in 0..<100 {
      let breaker = try breaker()
      for _ in 0..<5 { try breaker.tryAcquirePermit().fail(Failure()) }
      clock.advance(by: .seconds(5))
      let gauge = Gauge()
      await withTaskGroup { group in
        for task in 0..<8 {
          group.addTask {
            for _ in 0..<3 {
              guard let permit = try? breaker.tryAcquirePermit() else { continue }
              gauge.enter()
              await Task.yield()
              gauge.leave()
              // Never a verdict: only the permits are looked at.
              if (task + round) % 2 == 0 { permit.ignore() }
            }
          }
        }
      }
      #expect(gauge.most <= 3)
      #expect(breaker.snapshot.totals.permitsOutstanding == 0)
      #expect(breaker.state == .halfOpen)
    }
  }
}

/// How many were inside at once.
private final class Gauge: Sendable {
  private let counts = Mutex((inside: 0, most: 0))

  var most: Int { counts.withLock { $0.most } }

  func enter() {
    counts.withLock {
      $0.inside += 1
      $0.most = max($0.most, $0.inside)
    }
  }

  func leave() { counts.withLock { $0.inside -= 1 } }
}

import Testing

@testable import Consul

@Suite("ConsulPace")
struct ConsulPaceTests {
  @Test("two requests at once, then one per half second")
  func pacer() {
    let start = ContinuousClock.now
    var pacer = RequestPacer()
    #expect(pacer.take(at: start) == .zero)
    #expect(pacer.take(at: start) == .zero)
    #expect(pacer.take(at: start) == .milliseconds(500))
    #expect(pacer.take(at: start + .milliseconds(500)) == .milliseconds(500))
  }

  @Test("a quiet time gives the burst back, and no more")
  func pacerRests() {
    let start = ContinuousClock.now
    var pacer = RequestPacer()
    for _ in 1...3 { _ = pacer.take(at: start) }
    let later = start + .seconds(60)
    #expect(pacer.take(at: later) == .zero)
    #expect(pacer.take(at: later) == .zero)
    #expect(pacer.take(at: later) == .milliseconds(500))
  }

  @Test("however an agent behaves, requests stay within the burst and the refill")
  func pacerBound() {
    var random = SeededRandom(1)
    let start = ContinuousClock.now
    var pacer = RequestPacer()
    var now = start
    for taken in 1...2000 {
      now += pacer.take(at: now)
      let limit = 2 + Int((now - start) / .milliseconds(500))
      #expect(taken <= limit)
      now += .milliseconds(Int.random(in: 0...400, using: &random))
    }
  }

  @Test("waits after failures double to 2 s, and are drawn from zero to that")
  func backoff() {
    var random = SeededRandom(1)
    var backoff = ConsulBackoff()
    let ceilings = [100, 200, 400, 800, 1600, 2000, 2000]
    for ceiling in ceilings {
      let wait = backoff.next(after: ConsulError.noLeader, using: &random)
      #expect(wait >= .zero && wait <= .milliseconds(ceiling))
    }
    backoff.reset()
    #expect(backoff.next(after: ConsulError.noLeader, using: &random) <= .milliseconds(100))
    #expect(backoff.next(after: ConsulError.forbidden(""), using: &random) == .seconds(5))
  }
}

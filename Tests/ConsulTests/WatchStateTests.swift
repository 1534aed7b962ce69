import Testing

@testable import Consul

@Suite("WatchState")
struct WatchStateTests {
  let start = ContinuousClock.now
  let one = [Endpoint(id: "1", host: "h", port: 1)]
  let two = [Endpoint(id: "1", host: "h", port: 1), Endpoint(id: "2", host: "h", port: 2)]

  func after(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

  @Test("the first request does not wait; the next waits for what is newer")
  func indexFollows() {
    var watch = WatchState<[Endpoint]>(at: start)
    #expect(watch.nextRequest(at: start) == .init(index: 0, wait: .seconds(55)))
    #expect(watch.received(one, index: 7, at: start) == .changed(one))
    #expect(watch.nextRequest(at: start) == .init(index: 7, wait: .seconds(55)))
    #expect(watch.received(one, index: 7, at: after(55)) == .confirmed)
    #expect(watch.received(two, index: 9, at: after(60)) == .changed(two))
  }

  @Test("an unknown service has an empty list, which is a list")
  func emptyAtFirst() {
    var watch = WatchState<[Endpoint]>(at: start)
    #expect(watch.received([], index: 3, at: start) == .changed([]))
    #expect(watch.received([], index: 4, at: start) == .confirmed)
  }

  @Test("an answer without an index is never followed by index 0")
  func noIndex() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 0, at: start)
    #expect(watch.nextRequest(at: start).index == 1)
  }

  @Test("an index that goes back is dropped, and its list taken")
  func indexGoesBack() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    #expect(watch.received(two, index: 5, at: start) == .changed(two))
    #expect(watch.indexResets == 1)
    #expect(watch.nextRequest(at: start).index == 0)
    _ = watch.received(two, index: 6, at: start)
    #expect(watch.nextRequest(at: start).index == 6)
  }

  @Test("a failure drops the index and keeps the list")
  func failure() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    watch.failed()
    #expect(watch.known == one)
    #expect(watch.nextRequest(at: start).index == 0)
  }

  @Test("an empty list over a sound connection is believed at once")
  func emptyBelieved() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    #expect(watch.received([], index: 51, at: after(1)) == .changed([]))
  }

  @Test("after an outage an empty list is held off for 30 s, and the polls last no longer")
  func held() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    watch.failed()
    #expect(watch.received([], index: 3, at: after(10)) == .held)
    #expect(watch.known == one)
    #expect(watch.nextRequest(at: after(10)) == .init(index: 3, wait: .seconds(30)))
    #expect(watch.received([], index: 3, at: after(30)) == .held)
    #expect(watch.nextRequest(at: after(30)) == .init(index: 3, wait: .seconds(10)))
    #expect(watch.received([], index: 3, at: after(40)) == .changed([]))
    #expect(watch.nextRequest(at: after(40)).wait == .seconds(55))
  }

  @Test("a list held off is replaced as soon as services are back")
  func heldThenBack() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(two, index: 50, at: start)
    #expect(watch.received([], index: 3, at: after(1)) == .held)
    #expect(watch.received(one, index: 4, at: after(2)) == .changed(one))
    // Sound again: an empty list is real now.
    #expect(watch.received([], index: 5, at: after(3)) == .changed([]))
  }

  @Test("another outage gives a returning agent its time anew")
  func heldTwice() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    watch.failed()
    #expect(watch.received([], index: 3, at: after(1)) == .held)
    watch.failed()
    #expect(watch.received([], index: 3, at: after(100)) == .held)
    #expect(watch.received([], index: 3, at: after(130)) == .changed([]))
  }

  @Test("the list of an earlier loop is held like one from before an outage")
  func resumed() {
    var watch = WatchState<[Endpoint]>(known: one, at: start)
    #expect(watch.received([], index: 3, at: start) == .held)
    #expect(watch.received(one, index: 4, at: start) == .confirmed)
  }

  @Test("every five minutes one read does not wait, and loses no place")
  func safetyRead() {
    var watch = WatchState<[Endpoint]>(at: start)
    _ = watch.received(one, index: 50, at: start)
    #expect(watch.nextRequest(at: after(299)).index == 50)
    #expect(watch.nextRequest(at: after(300)).index == 0)
    _ = watch.received(one, index: 50, at: after(300))
    #expect(watch.nextRequest(at: after(301)).index == 50)
  }

  /// Property: whatever a Consul does, once it is quiet the watch knows its list, and its requests
  /// name no index that the servers have not given since the last failure.
  @Test("whatever the answers, the list known at last is the list served")
  func converges() {
    for seed in 0..<1000 { converges(seed: UInt64(seed)) }
  }

  private func converges(seed: UInt64) {
    var random = SeededRandom(seed)
    var watch = WatchState<[Endpoint]>(at: start)
    var now = start
    var served: [Endpoint] = []
    var index: UInt64 = 1
    for _ in 0..<40 {
      now += .milliseconds(Int.random(in: 0...20_000, using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0: watch.failed()
      case 1:
        index = UInt64.random(in: 0...3, using: &random)
        served = []
      case 2, 3:
        index += 1
        served = two.filter { _ in Bool.random(using: &random) }
      default: break
      }
      let request = watch.nextRequest(at: now)
      #expect(request.index == 0 || request.index == watch.index, "seed \(seed)")
      #expect(request.wait > .zero && request.wait <= .seconds(55), "seed \(seed)")
      _ = watch.received(served, index: index, at: now)
    }
    for _ in 0..<4 {
      now += watch.nextRequest(at: now).wait
      _ = watch.received(served, index: index, at: now)
    }
    #expect(watch.known == served, "seed \(seed)")
  }
}

/// SplitMix64.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

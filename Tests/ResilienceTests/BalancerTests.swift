import Testing

@testable import Resilience

@Suite("balancer")
struct BalancerTests {
  static func key(_ number: Int) -> EndpointKey {
    EndpointKey(id: "payment-\(number)", host: "10.0.0.\(number)", port: 8084)
  }

  static func list(_ count: Int, weight: Int = 1) -> [(key: EndpointKey, weight: Int)] {
    (0..<count).map { (key($0), weight) }
  }

  let clock = ManualClock()

  func balancer(
    _ endpoints: Int, seed: UInt64 = 1, _ change: (inout BalancerSettings) -> Void = { _ in }
  ) throws -> Balancer {
    let balancer = Balancer(
      config: try .http.changing(change), clock: clock, random: RandomSource(seed: seed))
    balancer.update(Self.list(endpoints))
    _ = balancer.takeEvents()
    return balancer
  }

  /// One call after another; how many each endpoint got.
  func shares(
    _ balancer: Balancer, calls: Int, outcome: (EndpointKey) -> Outcome = { _ in .success },
    latency: (EndpointKey) -> Duration
  ) throws -> [EndpointKey: Int] {
    var shares: [EndpointKey: Int] = [:]
    for _ in 0..<calls {
      guard let selection = balancer.select() else { break }
      let endpoint = selection.endpoint
      shares[endpoint, default: 0] += 1
      clock.advance(by: latency(endpoint))
      selection.finish(outcome(endpoint), attemptTimeout: .seconds(2))
    }
    return shares
  }

  // MARK: - Choosing

  @Test("no endpoint, no choice; one endpoint, always that one")
  func fewest() throws {
    let none = try balancer(0)
    if none.select() != nil { Issue.record("chose from nothing") }
    let one = try balancer(1)
    #expect(try shares(one, calls: 5) { _ in .milliseconds(1) } == [Self.key(0): 5])
  }

  @Test("equal endpoints get equal shares, within three sigma", arguments: 2...6)
  func equalShares(count: Int) throws {
    let balancer = try balancer(count, seed: UInt64(count))
    let calls = 6_000
    let shares = try shares(balancer, calls: calls) { _ in .milliseconds(5) }
    let expected = Double(calls) / Double(count)
    let sigma = (expected * (1 - 1 / Double(count))).squareRoot()
    for number in 0..<count {
      #expect(abs(Double(shares[Self.key(number), default: 0]) - expected) < 3 * sigma)
    }
  }

  @Test("of two endpoints one ten times slower gets less than 15 per cent")
  func slowEndpoint() throws {
    let shares = try shares(try balancer(2), calls: 2_000) { endpoint in
      endpoint == Self.key(0) ? .milliseconds(50) : .milliseconds(5)
    }
    #expect(shares[Self.key(0), default: 0] < 300)
  }

  @Test("failing at once raises no share")
  func fastFailures() throws {
    // 500 never ejects, so only the score keeps traffic away.
    let shares = try shares(try balancer(2), calls: 2_000) { endpoint in
      endpoint == Self.key(0) ? .failure(.serverError) : .success
    } latency: { endpoint in
      endpoint == Self.key(0) ? .milliseconds(1) : .milliseconds(20)
    }
    #expect(shares[Self.key(0), default: 0] < 300)
  }

  @Test("a long poll's time does not count as slowness")
  func longPolls() throws {
    let balancer = try balancer(1)
    let before = balancer.readings[0].latency
    let selection = try #require(hold(balancer))
    clock.advance(by: .milliseconds(10))
    selection.selection.take()?.finish(.success, attemptTimeout: nil, isLongPoll: true)
    #expect(balancer.readings[0].latency <= before)
    #expect(balancer.readings[0].inFlight == 0)
  }

  @Test("an IPv6 address stands in brackets before its port")
  func addresses() {
    #expect("\(EndpointKey(id: "a", host: "::1", port: 80))" == "[::1]:80")
    #expect("\(EndpointKey(id: "a", host: "10.0.0.1", port: 80))" == "10.0.0.1:80")
  }

  @Test("an endpoint that left the list drains until its last call has ended")
  func draining() throws {
    let balancer = try balancer(2)
    let call = try #require(hold(balancer))
    #expect(balancer.drainingCount == 0)
    balancer.update([])
    #expect(balancer.drainingCount == 1)
    call.selection.take()?.finish(.success, attemptTimeout: nil)
    #expect(balancer.drainingCount == 0)
  }

  @Test("the less loaded of two equals is chosen")
  func load() throws {
    let balancer = try balancer(2)
    let first = try #require(hold(balancer))
    for _ in 0..<20 {
      let second = try #require(hold(balancer))
      #expect(second.endpoint != first.endpoint)
    }
  }

  final class Held {
    var selection: Balancer.Selection?
    let endpoint: EndpointKey
    init(_ selection: consuming Balancer.Selection) {
      endpoint = selection.endpoint
      self.selection = consume selection
    }
  }

  func hold(_ balancer: Balancer, avoiding tried: [EndpointKey] = []) -> Held? {
    guard let selection = balancer.select(avoiding: tried) else { return nil }
    return Held(selection)
  }

  @Test("endpoints this call has tried are avoided while another is there")
  func tried() throws {
    let balancer = try balancer(3)
    for _ in 0..<20 {
      #expect(balancer.select(avoiding: [Self.key(0), Self.key(2)])?.endpoint == Self.key(1))
    }
    #expect(balancer.hasOther(than: [Self.key(0)]))
    let all = (0..<3).map(Self.key)
    #expect(!balancer.hasOther(than: all))
    #expect(balancer.select(avoiding: all)?.endpoint != nil)
  }

  @Test("weight shifts the shares, and weight zero means never unless alone")
  func weights() throws {
    let balancer = try balancer(0)
    balancer.update([(Self.key(0), 0), (Self.key(1), 1), (Self.key(2), 1)])
    let some = try shares(balancer, calls: 500) { _ in .milliseconds(1) }
    #expect(some[Self.key(0)] == nil)
    balancer.update([(Self.key(0), 0)])
    #expect(try shares(balancer, calls: 5) { _ in .milliseconds(1) } == [Self.key(0): 5])
  }

  @Test(
    "equally fast endpoints get what they weigh", arguments: [[1, 2], [1, 2, 5], [10, 10, 1, 3]])
  func shareByWeight(weights: [Int]) throws {
    let balancer = try balancer(0)
    balancer.update(weights.enumerated().map { (Self.key($0), $1) })
    let calls = 6_000
    let shares = try shares(balancer, calls: calls) { _ in .milliseconds(5) }
    for (number, weight) in weights.enumerated() {
      let part = Double(weight) / Double(weights.reduce(0, +))
      let sigma = (Double(calls) * part * (1 - part)).squareRoot()
      #expect(abs(Double(shares[Self.key(number), default: 0]) - Double(calls) * part) < 3 * sigma)
    }
    // Under load the calls in flight are as the weights, too.
    var held: [Held] = []
    for _ in 0..<1_000 { held.append(try #require(hold(balancer))) }
    for (number, weight) in weights.enumerated() {
      let part = Double(weight) / Double(weights.reduce(0, +))
      let inFlight = held.count { $0.endpoint == Self.key(number) }
      #expect(abs(Double(inFlight) - 1_000 * part) < 40)
    }
  }

  @Test("a weight that changes shifts the shares from the next call on")
  func changedWeight() throws {
    let balancer = try balancer(2)
    balancer.update([(Self.key(0), 9), (Self.key(1), 1)])
    #expect(balancer.readings.map(\.weight) == [9, 1])
    let heavy = try shares(balancer, calls: 1_000) { _ in .milliseconds(5) }
    #expect((840...960).contains(heavy[Self.key(0), default: 0]))
    balancer.update(Self.list(2))
    let equal = try shares(balancer, calls: 1_000) { _ in .milliseconds(5) }
    #expect((440...560).contains(equal[Self.key(0), default: 0]))
  }

  @Test("a new endpoint is not flooded, and has its share after the slow start")
  func slowStart() throws {
    let balancer = try balancer(2)
    _ = try shares(balancer, calls: 500) { _ in .milliseconds(5) }
    balancer.update(Self.list(3))
    let early = try shares(balancer, calls: 150) { _ in .milliseconds(5) }
    clock.advance(by: .seconds(10))
    let late = try shares(balancer, calls: 1_500) { _ in .milliseconds(5) }
    #expect(early[Self.key(2), default: 0] < 20)
    #expect(late[Self.key(2), default: 0] > 350)
  }

  // MARK: - Ejection

  /// One call to `endpoint` and to no other.
  func call(
    _ balancer: Balancer, _ endpoint: EndpointKey, of count: Int, _ outcome: Outcome
  ) {
    let others = (0..<count).map(Self.key).filter { $0 != endpoint }
    guard let selection = balancer.select(avoiding: others), selection.endpoint == endpoint else {
      return
    }
    selection.finish(outcome, attemptTimeout: .seconds(2))
  }

  func ejected(_ balancer: Balancer) -> [EndpointKey] {
    balancer.readings.filter(\.isEjected).map(\.endpoint)
  }

  @Test("five failures in a row eject, a success in between does not")
  func failuresInARow() throws {
    let balancer = try balancer(3) { $0.ejectionJitter = 0 }
    let failure = Outcome.failure(.unavailable)
    for outcome in [failure, failure, failure, failure, .success, failure, failure, failure] {
      call(balancer, Self.key(1), of: 3, outcome)
    }
    call(balancer, Self.key(1), of: 3, failure)
    #expect(ejected(balancer) == [])
    call(balancer, Self.key(1), of: 3, failure)
    #expect(ejected(balancer) == [Self.key(1)])
    #expect(
      balancer.takeEvents() == [.endpointEjected(Self.key(1), .failures, for: .seconds(10))])
    #expect(try shares(balancer, calls: 100) { _ in .milliseconds(1) }[Self.key(1)] == nil)
  }

  @Test(
    "two connections in a row that are lost eject, refused or broken",
    arguments: [
      (FailureClass.connectionRefused, FailureClass.connectionRefused),
      (.connectionRefused, .maybeProcessed), (.maybeProcessed, .maybeProcessed),
    ])
  func lostConnections(first: FailureClass, second: FailureClass) throws {
    let balancer = try balancer(3)
    // What the instance answers, and what takes it too long, is no lost connection.
    for between: Outcome in [
      .success, .failure(.unavailable), .failure(.attemptTimedOut), .failure(.serverError),
    ] {
      for outcome in [.failure(first), between, .failure(second), .success] {
        call(balancer, Self.key(0), of: 3, outcome)
      }
    }
    #expect(ejected(balancer) == [])
    call(balancer, Self.key(0), of: 3, .failure(first))
    call(balancer, Self.key(0), of: 3, .failure(second))
    #expect(ejected(balancer) == [Self.key(0)])
    #expect(balancer.ejections == [.connectionLosses: 1])
  }

  @Test(
    "an answer to what was sent before a connection was lost does not say that the instance is there"
  )
  func answerUnderWay() throws {
    let balancer = try balancer(3)
    let others = [Self.key(1), Self.key(2)]
    let early = try #require(hold(balancer, avoiding: others))
    let other = try #require(hold(balancer, avoiding: others))
    clock.advance(by: .milliseconds(1))
    call(balancer, Self.key(0), of: 3, .failure(.connectionRefused))
    early.selection.take()?.finish(.success, attemptTimeout: nil)
    other.selection.take()?.finish(.failure(.unavailable), attemptTimeout: nil)
    clock.advance(by: .milliseconds(1))
    call(balancer, Self.key(0), of: 3, .failure(.connectionRefused))
    #expect(ejected(balancer) == [Self.key(0)])
  }

  @Test(
    "of an instance that ends the two first losses eject it; those that follow are known as no news"
  )
  func lostTogether() throws {
    let balancer = try balancer(3)
    var held: [Held] = []
    for _ in 0..<60 { held.append(try #require(hold(balancer))) }
    let lost = held.filter { $0.endpoint == Self.key(0) }
    #expect(lost.count > 10)
    let wereKnown = lost.map {
      $0.selection.take()?.finish(.failure(.maybeProcessed), attemptTimeout: .seconds(2)) ?? false
    }
    #expect(wereKnown == lost.indices.map { $0 >= 2 })
    #expect(balancer.ejections == [.connectionLosses: 1])
    // Once its ejection is over, one call tries: its failure is news.
    clock.advance(by: .seconds(12))
    let probe = try #require(hold(balancer))
    #expect(probe.endpoint == Self.key(0))
    #expect(
      probe.selection.take()?.finish(.failure(.connectionRefused), attemptTimeout: nil) == false)
    #expect(balancer.ejections == [.connectionLosses: 1, .probeFailed: 1])
  }

  @Test("own refusals, cancellations and answers about the request eject nobody")
  func innocent() throws {
    let balancer = try balancer(3)
    for outcome: Outcome in [
      .ignored, .failure(.throttled), .failure(.serverError), .failure(.untrusted),
      .failure(.deadlinePassed),
    ] {
      for _ in 0..<20 { call(balancer, Self.key(0), of: 3, outcome) }
    }
    #expect(ejected(balancer) == [])
  }

  @Test("an ejected endpoint returns by one call that tries it, and slowly")
  func returning() throws {
    let balancer = try balancer(3) { $0.ejectionJitter = 0 }
    for _ in 0..<2 { call(balancer, Self.key(0), of: 3, .failure(.connectionRefused)) }
    clock.advance(by: .seconds(10) - .nanoseconds(1))
    #expect(balancer.select()?.endpoint != Self.key(0))
    clock.advance(by: .nanoseconds(1))
    let probe = try #require(hold(balancer))
    #expect(probe.endpoint == Self.key(0))
    for _ in 0..<50 { #expect(balancer.select()?.endpoint != Self.key(0)) }
    probe.selection.take()?.finish(.success, attemptTimeout: nil)
    #expect(ejected(balancer) == [])
    #expect(balancer.takeEvents().last == .endpointRestored(Self.key(0)))
    let early = try shares(balancer, calls: 200) { _ in .milliseconds(5) }
    #expect(early[Self.key(0), default: 0] < 30)
  }

  @Test("a try that the caller's deadline cut off says nothing, and the next call tries")
  func cutOffProbe() throws {
    let balancer = try balancer(3) { $0.ejectionJitter = 0 }
    for _ in 0..<2 { call(balancer, Self.key(0), of: 3, .failure(.connectionRefused)) }
    clock.advance(by: .seconds(10))
    let probe = try #require(hold(balancer))
    #expect(probe.endpoint == Self.key(0))
    probe.selection.take()?.finish(
      .failure(.deadlinePassed), attemptTimeout: .milliseconds(300))
    #expect(ejected(balancer) == [Self.key(0)])
    #expect(balancer.ejections == [.connectionLosses: 1])
    #expect(balancer.select()?.endpoint == Self.key(0))
  }

  @Test("a failed try ejects for longer, a cancelled one leaves the next call to try")
  func failedProbe() throws {
    let balancer = try balancer(3) { $0.ejectionJitter = 0 }
    for _ in 0..<2 { call(balancer, Self.key(0), of: 3, .failure(.connectionRefused)) }
    clock.advance(by: .seconds(10))
    #expect(balancer.select()?.endpoint == Self.key(0))
    #expect(balancer.select()?.endpoint == Self.key(0))
    call(balancer, Self.key(0), of: 3, .failure(.connectionRefused))
    clock.advance(by: .seconds(19))
    #expect(balancer.select()?.endpoint != Self.key(0))
    clock.advance(by: .seconds(1))
    #expect(balancer.select()?.endpoint == Self.key(0))
  }

  @Test("the n-th ejection lasts n times as long up to the cap, and clean periods forgive")
  func ejectionTimes() throws {
    let rules = OutlierRules(.http)
    #expect(
      (1...40).map { rules.ejectionTime($0) } == (1...40).map { min($0, 30) * 10_000_000_000 })
    var record = OutlierRecord()
    let random = RandomSource(seed: 1)
    var now: Int64 = 0
    for _ in 0..<5 {
      now += record.eject(rules, random, at: now)
      record.restore(at: now)
    }
    #expect(record.timesEjected == 5)
    record.succeed(rules, began: now, at: now + 29_999_999_999)
    #expect(record.timesEjected == 3)
    record.succeed(rules, began: now, at: now + 3_600_000_000_000)
    #expect(record.timesEjected == 0)
  }

  @Test(
    "no more than half are ever ejected, the candidate counted",
    arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (10, 5)])
  func ejectionLimit(count: Int, most: Int) throws {
    let balancer = try balancer(count)
    for number in 0..<count {
      for _ in 0..<10 { call(balancer, Self.key(number), of: count, .failure(.connectionRefused)) }
    }
    #expect(ejected(balancer).count == most)
    #expect(balancer.select()?.endpoint != nil)
  }

  @Test("with too few healthy ones left ejections are ignored until there are enough")
  func panic() throws {
    let balancer = try balancer(4)
    for number in 0..<2 {
      for _ in 0..<2 { call(balancer, Self.key(number), of: 4, .failure(.connectionRefused)) }
    }
    _ = balancer.takeEvents()
    balancer.update(Self.list(3))
    #expect(balancer.isPanicking)
    #expect(balancer.takeEvents().contains(.panicEntered(healthy: 1, known: 3)))
    #expect(try shares(balancer, calls: 200) { _ in .milliseconds(1) }.count == 3)
    balancer.update(Self.list(5))
    #expect(!balancer.isPanicking)
  }

  @Test("an endpoint that comes back soon is remembered, a later one starts anew")
  func memory() throws {
    let balancer = try balancer(3)
    for _ in 0..<2 { call(balancer, Self.key(2), of: 3, .failure(.connectionRefused)) }
    balancer.update(Self.list(2))
    clock.advance(by: .seconds(10))
    balancer.update(Self.list(3))
    #expect(ejected(balancer) == [Self.key(2)])
    balancer.update(Self.list(2))
    clock.advance(by: .seconds(10) + .nanoseconds(1))
    balancer.update(Self.list(3))
    #expect(ejected(balancer) == [])
  }

  // MARK: - Any sequence

  enum Step { case list([Int]), select, finish(Int, Outcome), advance(Duration) }

  @Test("whatever happens, choices are listed, ejection keeps its limit and somebody is selectable")
  func anySequence() {
    let outcomes: [Outcome] =
      [.success, .ignored] + FailureClass.allCases.map { .failure($0) }
      + Array(repeating: .failure(.connectionRefused), count: 8)
    expectNoFault(cases: 500) { random -> [Step] in
      (0..<random.int(1...150)).map { _ in
        switch random.int(1...100) {
        case ...5: .list((0..<7).filter { _ in random.chance(60) })
        case ...50: .select
        case ...90: .finish(random.int(0...30), random.pick(outcomes))
        default: .advance(random.pick([.zero, .milliseconds(3), .seconds(1), .seconds(11)]))
        }
      }
    } fault: { steps, seed in
      let clock = ManualClock()
      var table = EndpointTable(.http, random: RandomSource(seed: seed))
      var listed = Set((0..<5).map(Self.key))
      table.update(Self.list(5), at: clock.now.nanoseconds)
      var choices: [(EndpointTable.Choice, Int64)] = []
      for step in steps {
        let now = clock.now.nanoseconds
        let ejectedBefore = table.readings(at: now).filter(\.isEjected).count
        switch step {
        case .list(let numbers):
          listed = Set(numbers.map(Self.key))
          table.update(numbers.map { (Self.key($0), 1) }, at: now)
        case .select:
          guard let choice = table.choose(at: now) else {
            if listed.isEmpty { continue }
            return "nothing selectable of \(listed.count)"
          }
          if !listed.contains(choice.key) { return "chose an endpoint that is not listed" }
          choices.append((choice, now))
        case .finish(let index, let outcome):
          guard !choices.isEmpty else { continue }
          let (choice, began) = choices.remove(at: index % choices.count)
          table.finish(
            choice, outcome, duration: now - began, attemptTimeout: 2_000_000_000, at: now)
          let ejected = table.readings(at: now).filter(\.isEjected).count
          if ejected > ejectedBefore, ejected * 100 > 50 * listed.count {
            return "\(ejected) of \(listed.count) ejected"
          }
        case .advance(let duration): clock.advance(by: duration)
        }
        let inFlight = table.readings(at: clock.now.nanoseconds).map(\.inFlight)
        if inFlight.contains(where: { $0 < 0 }) || inFlight.reduce(0, +) > choices.count {
          return "calls in flight are \(inFlight), \(choices.count) were made"
        }
      }
      return nil
    }
  }
}

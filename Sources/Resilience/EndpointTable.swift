/// The endpoints of one upstream with what is known of each, and the choice among them: power of two
/// choices by peak-EWMA latency and calls in flight, minus the ejected
/// (resilience-and-discovery.md section 9). A value; `Balancer` adds the lock and the clock.
struct EndpointTable: Sendable {
  /// What a finished call must show.
  struct Choice: Sendable {
    let key: EndpointKey
    /// Stays the endpoint's while calls are in flight.
    let place: Int
    let isProbe: Bool
    /// It was ejected already, and chosen in spite of that.
    let wasEjected: Bool
    let began: Int64
  }

  /// All but the key: numbers only, so that looking at one for a choice copies no string.
  struct Endpoint: Sendable {
    var weight: Int
    /// The weight over the largest of those that may be chosen.
    var share = 1.0
    var latency: PeakEWMA
    var inFlight = 0
    var record = OutlierRecord()
    /// Its share grows from here on.
    var rampFrom: Int64
    /// When it left the list; nil while it is on it.
    var removed: Int64?
  }

  static let eventsMax = 256
  /// Of two drawn by weight the second is taken when its score is this much lower. Otherwise the lighter
  /// one, whose latency has had more time to decay, would win all draws of both.
  private static let clearlyBetter = 0.9
  /// Consul's own limit.
  static let weightMax = 65_535

  let rules: OutlierRules
  let random: RandomSource
  private let tau: Double
  private let latencyAssumed: Double
  private let slowStart: Double
  private let memory: Int64
  /// nil is a place to be used again.
  private(set) var endpoints: [Endpoint?] = []
  /// By place.
  private var keys: [EndpointKey] = []
  private var places: [EndpointKey: Int] = [:]
  /// Places to choose among; made anew when a standing changes or an ejection ends.
  private var selectable: [Int] = []
  /// For each of `selectable` the sum of the weights up to it; empty when all weigh the same.
  private var weightsUpTo: [Int] = []
  /// Places whose ejection has ended and that no call tries yet.
  private var awaitingProbe: [Int] = []
  private var nextReview = Int64.max
  private(set) var isPanicking = false
  private(set) var ejections: [BalancerEvent.EjectionReason: Int] = [:]
  private var events: [BalancerEvent] = []

  init(_ config: BalancerConfig, random: RandomSource) {
    rules = OutlierRules(config)
    tau = Double(config.latencyDecay.nanosecondsSaturated)
    latencyAssumed = Double(config.latencyAssumed.nanosecondsSaturated)
    slowStart = Double(config.slowStart.nanosecondsSaturated)
    memory = config.memory.nanosecondsSaturated
    self.random = random
  }

  private var listed: some Sequence<(place: Int, endpoint: Endpoint)> {
    endpoints.enumerated().lazy.compactMap { place, endpoint in
      endpoint.flatMap { $0.removed == nil ? (place, $0) : nil }
    }
  }

  // MARK: - The list

  /// Takes discovery's list; keeps what is known of endpoints that stay or come back soon.
  mutating func update(_ list: [(key: EndpointKey, weight: Int)], at now: Int64) {
    forgetRemoved(at: now)
    var added: [EndpointKey] = []
    var absent = Set(listed.map { keys[$0.place] })
    let isFirst = absent.isEmpty
    let median = medianLatency(at: now)
    for (key, weight) in list {
      if absent.remove(key) == nil { added.append(key) }
      let place = places[key] ?? makePlace(for: key)
      var endpoint =
        endpoints[place]
        ?? Endpoint(
          weight: 0, latency: PeakEWMA(initial: median, at: now),
          // The first ones have nobody who could carry what they are spared.
          rampFrom: isFirst ? .min : now)
      endpoint.weight = min(max(0, weight), Self.weightMax)
      endpoint.removed = nil
      endpoints[place] = endpoint
    }
    for key in absent {
      if let place = places[key] { endpoints[place]?.removed = now }
    }
    if !added.isEmpty || !absent.isEmpty {
      note(.endpointsChanged(added: added, removed: absent.sorted { $0.id < $1.id }))
    }
    review(at: now)
  }

  private mutating func makePlace(for key: EndpointKey) -> Int {
    let place = endpoints.firstIndex { $0 == nil } ?? endpoints.endIndex
    if place == endpoints.endIndex {
      endpoints.append(nil)
      keys.append(key)
    }
    keys[place] = key
    places[key] = place
    return place
  }

  private mutating func forgetRemoved(at now: Int64) {
    for (key, place) in places {
      guard let endpoint = endpoints[place], let removed = endpoint.removed,
        endpoint.inFlight == 0, now - removed > memory
      else { continue }
      endpoints[place] = nil
      places[key] = nil
    }
  }

  private func medianLatency(at now: Int64) -> Double {
    let latencies = listed.map { $0.endpoint.latency.value(tau: tau, at: now) }.sorted()
    return latencies.isEmpty ? latencyAssumed : latencies[latencies.count / 2]
  }

  // MARK: - Choosing

  /// - Parameter tried: endpoints to avoid while another is selectable.
  /// - Returns: nil when the list is empty.
  mutating func choose(avoiding tried: [EndpointKey] = [], at now: Int64) -> Choice? {
    if now >= nextReview { review(at: now) }
    if let place = awaitingProbe.first(where: { !isAmong(tried, $0) }) {
      return take(place, isProbe: true, at: now)
    }
    guard tried.isEmpty else {
      let others = selectable.filter { !isAmong(tried, $0) }
      return choose(among: others.isEmpty ? selectable : others, at: now)
    }
    guard let heaviest = weightsUpTo.last else { return choose(among: selectable, at: now) }
    let (one, other) = (drawn(below: heaviest), drawn(below: heaviest))
    let isBetter = score(other, at: now) < score(one, at: now) * Self.clearlyBetter
    return take(isBetter ? other : one, isProbe: false, at: now)
  }

  /// A place, as often as its weight says: equally fast endpoints get what they weigh, slower ones less.
  private func drawn(below sum: Int) -> Int {
    let mark = Int(random.number(upTo: Int64(sum - 1)))
    return selectable[weightsUpTo.firstIndex { mark < $0 } ?? 0]
  }

  /// Whether a call that has tried these would find another.
  func hasOther(than tried: [EndpointKey]) -> Bool {
    selectable.contains { !isAmong(tried, $0) }
  }

  private mutating func choose(among candidates: [Int], at now: Int64) -> Choice? {
    guard candidates.count > 1 else {
      return candidates.first.flatMap { take($0, isProbe: false, at: now) }
    }
    let (first, second) = twoDistinct(below: candidates.count)
    let (one, other) = (candidates[first], candidates[second])
    // The first of two equals: both orders are drawn equally often.
    return take(score(other, at: now) < score(one, at: now) ? other : one, isProbe: false, at: now)
  }

  /// Two different indices by one random number, without drawing again.
  private func twoDistinct(below count: Int) -> (Int, Int) {
    let bits = random.next()
    let first = Int(((bits >> 32) * UInt64(count)) >> 32)
    let second = Int(((bits & 0xFFFF_FFFF) * UInt64(count - 1)) >> 32)
    return (first, second < first ? second : second + 1)
  }

  /// Lower is better.
  private func score(_ place: Int, at now: Int64) -> Double {
    guard let endpoint = endpoints[place] else { return .infinity }
    let load = Double(endpoint.inFlight) / endpoint.share + 1
    return endpoint.latency.value(tau: tau, at: now) * load / ramp(endpoint, at: now)
  }

  /// From a tenth to all of its share.
  private func ramp(_ endpoint: Endpoint, at now: Int64) -> Double {
    let age = now.saturatingSubtract(endpoint.rampFrom)
    return min(1, max(0.1, Double(age) / slowStart))
  }

  private mutating func take(_ place: Int, isProbe: Bool, at now: Int64) -> Choice {
    endpoints[place]?.inFlight += 1
    let wasEjected = endpoints[place]?.record.isEjected ?? false
    if isProbe {
      endpoints[place]?.record.isProbed = true
      review(at: now)
    }
    return Choice(
      key: keys[place], place: place, isProbe: isProbe, wasEjected: wasEjected, began: now)
  }

  private func isAmong(_ tried: [EndpointKey], _ place: Int) -> Bool {
    tried.contains(keys[place])
  }

  // MARK: - Learning

  /// - Parameters:
  ///   - duration: nanoseconds the attempt took; nil when that tells nothing.
  ///   - attemptTimeout: nanoseconds; a failed attempt counts as at least as slow, or an endpoint
  ///     that fails at once would attract everything.
  /// - Returns: whether the endpoint was ejected since the choice, by the failures of others.
  @discardableResult
  mutating func finish(
    _ choice: Choice, _ outcome: Outcome, duration: Int64?, attemptTimeout: Int64, at now: Int64
  ) -> Bool {
    let isEjectedSince = !choice.wasEjected && endpoints[choice.place]?.record.isEjected == true
    endpoints[choice.place]?.inFlight -= 1
    if choice.isProbe { endpoints[choice.place]?.record.isProbed = false }
    if let duration, let latency = outcome.latency(duration, attemptTimeout: attemptTimeout) {
      endpoints[choice.place]?.latency.observe(latency, tau: tau, at: now)
    }
    judge(choice, outcome, at: now)
    return isEjectedSince
  }

  private mutating func judge(_ choice: Choice, _ outcome: Outcome, at now: Int64) {
    switch outcome {
    // The caller's time was up: neither an answer nor the want of one.
    case .ignored, .failure(.deadlinePassed, _): break
    case .failure(let failure, _) where OutlierRules.counts(failure):
      let isProbe = choice.isProbe
      if let reason = endpoints[choice.place]?.record.fail(
        failure, isProbe, rules, began: choice.began, at: now)
      {
        eject(choice, reason, at: now)
      }
    case .success, .failure:
      endpoints[choice.place]?.record.succeed(rules, began: choice.began, at: now)
      if choice.isProbe { restore(choice, at: now) }
    }
    if choice.isProbe { review(at: now) }
  }

  // MARK: - Standings

  private mutating func eject(
    _ choice: Choice, _ reason: BalancerEvent.EjectionReason, at now: Int64
  ) {
    let (known, ejected) = standings
    // A failed probe keeps an endpoint out that is counted already.
    guard
      reason == .probeFailed || rules.mayEject(alreadyEjected: ejected, known: known),
      endpoints[choice.place]?.removed == nil,
      let time = endpoints[choice.place]?.record.eject(rules, random, at: now)
    else { return }
    ejections[reason, default: 0] += 1
    note(.endpointEjected(choice.key, reason, for: .nanoseconds(time)))
    review(at: now)
  }

  private mutating func restore(_ choice: Choice, at now: Int64) {
    let median = medianLatency(at: now)
    endpoints[choice.place]?.record.restore(at: now)
    // What it took while it was failing says nothing about it now.
    endpoints[choice.place]?.latency = PeakEWMA(initial: median, at: now)
    endpoints[choice.place]?.rampFrom = now
    note(.endpointRestored(choice.key))
  }

  private var standings: (known: Int, ejected: Int) {
    listed.reduce(into: (known: 0, ejected: 0)) { counts, listed in
      counts.known += 1
      if listed.endpoint.record.isEjected { counts.ejected += 1 }
    }
  }

  /// Works out anew who may be chosen.
  private mutating func review(at now: Int64) {
    let (known, ejected) = standings
    let healthy = known - ejected
    let panics = rules.isPanic(healthy: healthy, known: known)
    if panics != isPanicking {
      isPanicking = panics
      note(
        panics
          ? .panicEntered(healthy: healthy, known: known)
          : .panicLeft(healthy: healthy, known: known))
    }
    selectable = []
    awaitingProbe = []
    nextReview = .max
    for (place, endpoint) in endpoints.enumerated() {
      guard let endpoint, endpoint.removed == nil else { continue }
      if !endpoint.record.isEjected || panics || healthy == 0 { selectable.append(place) }
      if endpoint.record.awaitsProbe(at: now) { awaitingProbe.append(place) }
      if case .ejected(let end) = endpoint.record.standing, end > now {
        nextReview = min(nextReview, end)
      }
    }
    weigh()
  }

  /// Leaves out the weightless, unless there are no others, which then all weigh the same.
  private mutating func weigh() {
    let weighty = selectable.filter { (endpoints[$0]?.weight ?? 0) > 0 }
    if !weighty.isEmpty { selectable = weighty }
    let weights = selectable.map { weighty.isEmpty ? 1 : endpoints[$0]?.weight ?? 1 }
    let heaviest = weights.max() ?? 1
    for (place, weight) in zip(selectable, weights) {
      endpoints[place]?.share = Double(weight) / Double(heaviest)
    }
    weightsUpTo = []
    guard weights.contains(where: { $0 != heaviest }) else { return }
    for weight in weights { weightsUpTo.append((weightsUpTo.last ?? 0) + weight) }
  }

  // MARK: - Events

  private mutating func note(_ event: BalancerEvent) {
    if events.count == Self.eventsMax { events.removeFirst() }
    events.append(event)
  }

  mutating func takeEvents() -> [BalancerEvent] {
    defer { events = [] }
    return events
  }

  // MARK: - Readings

  var drainingCount: Int {
    endpoints.count { endpoint in
      guard let endpoint else { return false }
      return endpoint.removed != nil && endpoint.inFlight > 0
    }
  }

  func readings(at now: Int64) -> [Balancer.Reading] {
    listed.map { place, endpoint in
      Balancer.Reading(
        endpoint: keys[place], weight: endpoint.weight, inFlight: endpoint.inFlight,
        latency: .nanoseconds(Int64(endpoint.latency.value(tau: tau, at: now))),
        isEjected: endpoint.record.isEjected)
    }
  }
}

extension Outcome {
  /// What an attempt's duration tells of its endpoint, nanoseconds; nil for nothing.
  fileprivate func latency(_ duration: Int64, attemptTimeout: Int64) -> Int64? {
    switch self {
    case .success: duration
    case .ignored, .failure(.untrusted, _): nil
    case .failure: max(duration, attemptTimeout)
    }
  }
}

import EventLoops
import HTTPMessages

/// A caller that waits 300 ms, over two hops to a peer that takes five seconds.
struct DeadlineDrill: Drill {
  static let name = "deadline"
  static let lastHop = "drill-last"
  private static let limit: Duration = .milliseconds(300)
  private static let roundsOfRelay = 4
  /// Each hop keeps 5 ms of its time for the way back.
  private static let answeredMin: Duration = .milliseconds(290)
  private static let answeredMax: Duration = .milliseconds(400)

  func run(on ground: Ground) async throws -> [Finding] {
    let last = try await ground.peers(1)[0]
    try await ground.agent.register(Self.lastHop, port: last.port)
    try await last.set(.slow)
    try await ground.loop.sleep(for: .milliseconds(500))
    var answered = Series()
    var statuses: [Int: Int] = [:]
    var relay = try await ground.peers(1)[0]
    for round in 0..<ground.rounds {
      // After five such answers in a row its circuit breaker spares the last hop.
      if round > 0, round % Self.roundsOfRelay == 0 { relay = try await ground.peers(1)[0] }
      let began = MonotonicTime.now()
      let answer = try await ground.shop.loopback.send(
        .get, relay.port, "/relay?to=\(Self.lastHop)",
        fields: [(.requestTimeout, "\(Int(Self.limit / .milliseconds(1)))")])
      answered.add(MonotonicTime.now() - began)
      statuses[answer.status.code, default: 0] += 1
    }
    try await ground.loop.sleep(for: .milliseconds(500))
    let tally = try await last.tally()
    try await ground.agent.deregister(Self.lastHop, port: last.port)
    let latest = tally.cancelledAfterMilliseconds.max() ?? 0
    let told = statuses.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }
    return [
      finding(
        "answers", told.joined(separator: ", "), bound: "all 504", statuses[504] == ground.rounds),
      finding(
        "answered after", "least \(milliseconds(answered.shortest)), " + answered.text,
        bound: "290 to 400 ms",
        answered.shortest >= Self.answeredMin && answered.longest <= Self.answeredMax),
      finding(
        "the last hop stopped", "\(tally.cancelled) of \(tally.begun), latest after \(latest) ms",
        bound: "all, within 400 ms",
        tally.cancelled == tally.begun && tally.begun > 0 && latest <= 400),
    ]
  }
}

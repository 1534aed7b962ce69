import EventLoops
import HTTPMessages

/// A caller that waits 300 ms, over two hops to a peer that takes five seconds.
struct DeadlineDrill: Drill {
  static let name = "deadline"
  static let lastHop = "drill-last"
  private static let limit: Duration = .milliseconds(300)
  private static let answeredMax: Duration = .milliseconds(400)

  func run(on ground: Ground) async throws -> [Finding] {
    let peers = try await ground.peers(2)
    let (relay, last) = (peers[0], peers[1])
    try await ground.agent.register(Self.lastHop, port: last.port)
    try await last.set(.slow)
    try await ground.loop.sleep(for: .milliseconds(500))
    var answered = Series()
    var statuses: [Int: Int] = [:]
    for _ in 0..<ground.rounds {
      let began = MonotonicTime.now()
      let answer = try await ground.shop.loopback.send(
        .get, relay.port, "/relay?to=\(Self.lastHop)",
        fields: [(.requestTimeout, "\(Int(Self.limit / .milliseconds(1)))")])
      answered.add(MonotonicTime.now() - began)
      statuses[answer.status.code, default: 0] += 1
      // The breaker would spare the last hop the rest of the rounds.
      try await ground.loop.sleep(for: .milliseconds(100))
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
        bound: "300 to 400 ms",
        answered.shortest >= Self.limit - .milliseconds(10) && answered.longest <= Self.answeredMax),
      finding(
        "the last hop stopped", "\(tally.cancelled) of \(tally.begun), latest after \(latest) ms",
        bound: "all, within 400 ms",
        tally.cancelled == tally.begun && tally.begun > 0 && latest <= 400),
    ]
  }
}

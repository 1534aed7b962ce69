import EventLoops

/// One of three instances answers 500 in 1 ms, faster than the good ones answer.
struct BadInstanceDrill: Drill {
  static let name = "bad-instance"
  private static let perSecond = 200
  private static let settling: Duration = .seconds(2)
  private static let counted: Duration = .seconds(3)
  private static let shareMax = 10.0
  private static let roundsMax = 5

  func run(on ground: Ground) async throws -> [Finding] {
    let peers = try await ground.peers(3)
    var shares: [Double] = []
    var loads: [Load] = []
    for round in 1...min(ground.rounds, Self.roundsMax) {
      // A name of its own: a balancer that has learnt nothing yet.
      let service = "drill-bad-\(round)"
      let caller = try ground.caller()
      let load = Load(perSecond: Self.perSecond, on: ground.loop) { _ in
        await caller.failure(of: service, "/work")
      }
      for peer in peers { try await ground.agent.register(service, port: peer.port) }
      try await caller.watching([service]) {
        try await wait(for: "three peers", atMost: .seconds(5), on: ground.loop) {
          caller.instances(of: service).count == 3
        }
        try await peers[0].set(.failing)
        try await load.beside {
          try await ground.loop.sleep(for: Self.settling)
          let before = try await begun(by: peers)
          try await ground.loop.sleep(for: Self.counted)
          let after = try await begun(by: peers)
          let attempts = zip(after, before).map { $0 - $1 }
          shares.append(Double(attempts[0]) * 100 / Double(max(1, attempts.reduce(0, +))))
        }
      }
      loads.append(load)
      for peer in peers { try await ground.agent.deregister(service, port: peer.port) }
    }
    let most = shares.max() ?? 0
    let failed = loads.reduce(0) { $0 + $1.failures.count }
    let calls = loads.reduce(0) { $0 + $1.calls.count }
    return [
      finding(
        "share of attempts that the bad one gets after 2 s, at \(Self.perSecond)/s",
        "most \(tenth(most)) % of \(shares.count) rounds", bound: "\(tenth(Self.shareMax)) %",
        most < Self.shareMax),
      finding(
        "calls that failed in spite of retries", "\(failed) of \(calls)", bound: "none", failed == 0
      ),
    ]
  }

  private func begun(by peers: [PeerProcess]) async throws -> [Int] {
    var counts: [Int] = []
    for peer in peers { counts.append(try await peer.tally().begun) }
    return counts
  }

  private func tenth(_ value: Double) -> String { milliseconds(.microseconds(Int(value * 1000))) }
}

import EventLoops

/// One of three peers is killed under many calls, over and over: far more often than
/// `InstanceLossDrill` can kill services, so that what happens once in a thousand kills is seen,
/// too.
struct PeerLossDrill: Drill {
  static let name = "peer-loss"
  private static let service = "drill-loss"
  private static let killsPerRound = 50
  private static let perSecond = 2000
  /// Before the kill, microseconds: it comes at any moment within a few calls' time.
  private static let prelude = 8_000...15_000
  private static let aftermath: Duration = .milliseconds(20)

  func run(on ground: Ground) async throws -> [Finding] {
    let others = try await ground.peers(2)
    for peer in others { try await ground.agent.register(Self.service, port: peer.port) }
    var kills: [Kill] = []
    for _ in 0..<ground.rounds * Self.killsPerRound { kills.append(try await kill(on: ground)) }
    for peer in others { try await ground.agent.deregister(Self.service, port: peer.port) }
    let failures = kills.flatMap(\.failures)
    let ejected = kills.count(where: \.isEjected)
    return [
      finding(
        "calls that failed, \(kills.count) kill -9 at \(Self.perSecond)/s",
        Load.text(failures, of: kills.map(\.calls).reduce(0, +)), bound: "none",
        failures.isEmpty),
      finding(
        "kills after which the peer was ejected; no call went to it after the others", "\(ejected)",
        bound: "most", ejected * 2 > kills.count),
    ] + findings(kills.map(\.loss))
  }

  private struct Kill {
    let loss: AttemptLoss
    let calls: Int
    let failures: [String]
    let isEjected: Bool
  }

  /// A third peer comes, and is killed under the calls of a new caller.
  private func kill(on ground: Ground) async throws -> Kill {
    let victim = try await PeerProcess("peer", agent: ground.agent)
    try await ground.agent.register(Self.service, port: victim.port)
    // Before the caller looks: an instance that comes later gets its share little by little.
    try await wait(
      for: "three peers in Consul", atMost: .seconds(10), pace: .milliseconds(2), on: ground.loop
    ) {
      await ground.agent.passing(Self.service)?.count == 3
    }
    let caller = try ground.caller()
    let load = Load(perSecond: Self.perSecond, on: ground.loop) { _ in
      await caller.failure(of: Self.service, "/work")
    }
    let loss = try await caller.watching([Self.service]) {
      try await wait(
        for: "three peers", atMost: .seconds(10), pace: .milliseconds(5), on: ground.loop
      ) {
        caller.instances(of: Self.service).count == 3
      }
      return try await AttemptLoss.during(try caller.breaker(of: Self.service)) {
        try await load.beside {
          try await ground.loop.sleep(for: .microseconds(Int.random(in: Self.prelude)))
          victim.kill()
          try await ground.loop.sleep(for: Self.aftermath)
        }
      }
    }
    try await ground.agent.deregister(Self.service, port: victim.port)
    return Kill(
      loss: loss, calls: load.calls.count, failures: load.failures,
      isEjected: caller.instances(of: Self.service).contains(where: \.isEjected))
  }
}

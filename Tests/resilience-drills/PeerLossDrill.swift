import EventLoops

/// One of three peers is killed under many calls, over and over: far more often than `InstanceLossDrill`
/// can kill services, so that what happens once in a thousand kills is seen, too.
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
    var calls: [Load.Call] = []
    var losses: [AttemptLoss] = []
    for _ in 0..<ground.rounds * Self.killsPerRound {
      let (loss, made) = try await kill(on: ground)
      losses.append(loss)
      calls += made
    }
    for peer in others { try await ground.agent.deregister(Self.service, port: peer.port) }
    let failures = calls.compactMap(\.failure)
    return [
      finding(
        "calls that failed, \(losses.count) kill -9 at \(Self.perSecond)/s",
        "\(failures.count) of \(calls.count)"
          + (failures.first.map { " (\($0.prefix(Load.reasonMax)))" } ?? ""), bound: "none",
        failures.isEmpty)
    ] + findings(losses)
  }

  /// A third peer comes, and is killed under the calls of a new caller.
  private func kill(on ground: Ground) async throws -> (AttemptLoss, [Load.Call]) {
    let victim = try await PeerProcess("peer", agent: ground.agent)
    try await ground.agent.register(Self.service, port: victim.port)
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
    return (loss, load.calls)
  }
}

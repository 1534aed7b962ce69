import EventLoops
import Glibc

/// Consul is killed under orders, or told to end, and comes back knowing nothing.
struct ConsulRestartDrill: Drill {
  static let name = "consul-restart"
  private static let bound: Duration = .seconds(3)
  /// Rounds with SIGTERM, after those with SIGKILL.
  private static let orderlyRounds = 3

  func run(on ground: Ground) async throws -> [Finding] {
    let (shop, agent) = (ground.shop, ground.agent)
    let expected = try registrations(in: shop)
    try await shop.stockUp(variant: Ground.variant, by: 50_000)
    let load = Load(perSecond: ground.ordersPerSecond, on: ground.loop) { _ in
      await shop.order(variant: Ground.variant)
    }
    var registered = Series()
    var doubles = 0
    try await load.beside {
      for round in 0..<ground.rounds + Self.orderlyRounds {
        try shop.end("consul", by: round < ground.rounds ? SIGKILL : SIGTERM)
        // Within the supervisor's pause: asked later, it would end the agent that it has just started.
        try await ground.loop.sleep(for: .milliseconds(200))
        try shop.restart("consul")
        try await wait(for: "Consul's return", atMost: .seconds(20), on: ground.loop) {
          await agent.hasLeader
        }
        registered.add(
          try await wait(
            for: "everybody's registration", atMost: .seconds(30), pace: .milliseconds(20),
            on: ground.loop
          ) {
            try await isComplete(expected, in: agent)
          })
        try await ground.loop.sleep(for: .seconds(1))
        for (service, count) in expected {
          doubles += max(0, (await agent.passing(service)?.count ?? 0) - count)
        }
      }
    }
    return [
      finding(
        "orders that failed, at \(ground.ordersPerSecond)/s", load.failuresText, bound: "none",
        load.failures.isEmpty),
      finding(
        "the agent answers, then all are registered", registered.text,
        bound: "\(milliseconds(Self.bound)) ms", registered.longest <= Self.bound),
      finding("ids too many", "\(doubles)", bound: "none", doubles == 0),
    ]
  }

  /// Instances by service, as they shall be registered.
  private func registrations(in shop: Shop) throws -> [String: Int] {
    try shop.services.reduce(into: [:]) { counts, instance in
      let short = instance.name.split(separator: "-").first.map(String.init) ?? instance.name
      counts["\(short)-service", default: 0] += 1
    }
  }

  private func isComplete(_ expected: [String: Int], in agent: Agent) async throws -> Bool {
    for (service, count) in expected
    where await agent.passing(service)?.count ?? 0 < count { return false }
    return true
  }
}

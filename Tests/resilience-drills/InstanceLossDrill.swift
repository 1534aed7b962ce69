import EventLoops
import Resilience

/// One of three user services goes while callers ask all of them: told to (SIGTERM), or killed.
struct InstanceLossDrill: Drill {
  static let name = "instance-loss"
  private static let service = "user-service"
  private static let perSecond = 200
  /// From a kill to the end of the round. The supervisor has the service back before Consul misses it.
  private static let aftermath: Duration = .milliseconds(1500)

  func run(on ground: Ground) async throws -> [Finding] {
    guard try ground.shop.instances(of: "user").count == 3 else {
      throw Trouble("this drill needs three user services: --replicas user=3")
    }
    let told = try await toldToEnd(on: ground)
    return try await told + killed(on: ground)
  }

  private func load(_ caller: Caller, on ground: Ground) -> Load {
    Load(perSecond: Self.perSecond, on: ground.loop) { _ in
      await caller.failure(of: Self.service, "/.well-known/jwks.json")
    }
  }

  private func toldToEnd(on ground: Ground) async throws -> [Finding] {
    let caller = try ground.caller()
    let load = load(caller, on: ground)
    try await caller.watching([Self.service]) {
      try await waitForThree(caller, on: ground)
      try await load.beside {
        for round in 0..<ground.rounds {
          let name = ["user", "user-2", "user-3"][round % 3]
          let before = try instance(name, in: ground).pid
          try ground.shop.restart(name)
          try await wait(
            for: "\(name)'s new process", atMost: .seconds(30), pace: .milliseconds(100),
            on: ground.loop
          ) {
            let now = try instance(name, in: ground)
            return now.pid != nil && now.pid != before && now.state == "ready"
          }
          try await waitForThree(caller, on: ground)
        }
      }
    }
    return [
      finding(
        "calls that failed, \(ground.rounds) SIGTERMs at \(Self.perSecond)/s", load.failuresText,
        bound: "none", load.failures.isEmpty)
    ]
  }

  private func killed(on ground: Ground) async throws -> [Finding] {
    let shop = ground.shop
    let orders = Load(perSecond: max(1, ground.ordersPerSecond / 5), on: ground.loop) { _ in
      await shop.order(variant: Ground.variant)
    }
    try await shop.stockUp(variant: Ground.variant, by: 50_000)
    var calls = 0
    var failures: [String] = []
    var losses: [AttemptLoss] = []
    try await orders.beside {
      for round in 0..<ground.rounds {
        // A caller of its own for each round: an instance that was ejected before is on probation.
        let caller = try ground.caller()
        let load = load(caller, on: ground)
        let name = ["user", "user-2", "user-3"][round % 3]
        try await caller.watching([Self.service]) {
          try await waitForThree(caller, on: ground)
          losses.append(
            try await AttemptLoss.during(try caller.breaker(of: Self.service)) {
              try await load.beside {
                try await ground.loop.sleep(for: .seconds(1))
                try shop.end(name)
                try await ground.loop.sleep(for: Self.aftermath)
              }
            })
        }
        calls += load.calls.count
        failures += load.failures
        try shop.restart(name)
        try await wait(
          for: "\(name)'s return", atMost: .seconds(30), pace: .milliseconds(100), on: ground.loop
        ) {
          await ground.agent.passing(Self.service)?.count == 3
        }
      }
    }
    return [
      finding(
        "calls that failed, \(ground.rounds) kill -9 at \(Self.perSecond)/s",
        Load.text(failures, of: calls), bound: "none", failures.isEmpty)
    ] + findings(losses) + [
      finding(
        "orders that failed meanwhile", orders.failuresText, bound: "none", orders.failures.isEmpty)
    ]
  }

  private func instance(_ name: String, in ground: Ground) throws -> Shop.Instance {
    guard let found = try ground.shop.instances(of: "user").first(where: { $0.name == name }) else {
      throw Trouble("there is no \(name)")
    }
    return found
  }

  private func waitForThree(_ caller: Caller, on ground: Ground) async throws {
    try await wait(
      for: "three user services", atMost: .seconds(30), pace: .milliseconds(50), on: ground.loop
    ) {
      caller.instances(of: Self.service).count == 3
    }
  }
}

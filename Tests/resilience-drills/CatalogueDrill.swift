import EventLoops

/// An instance comes and goes in Consul: how soon a caller's balancer knows.
struct CatalogueDrill: Drill {
  static let name = "catalogue"
  private static let service = "drill-catalogue"
  private static let bound: Duration = .milliseconds(50)
  private static let port = 9

  func run(on ground: Ground) async throws -> [Finding] {
    let caller = try ground.caller()
    var came = Series()
    var went = Series()
    func known() -> Int { caller.instances(of: Self.service).count }
    try await caller.watching([Self.service]) {
      try await ground.agent.register(Self.service, port: Self.port)
      try await wait(for: "the first instance", atMost: .seconds(5), on: ground.loop) {
        known() == 1
      }
      // A watch asks at most twice a second: changes that come faster are told together.
      for _ in 0..<max(ground.rounds, 50) {
        try await ground.loop.sleep(for: .milliseconds(1100))
        went.add(
          try await time(on: ground.loop) {
            try await ground.agent.deregister(Self.service, port: Self.port)
          } until: {
            known() == 0
          })
        try await ground.loop.sleep(for: .milliseconds(1100))
        came.add(
          try await time(on: ground.loop) {
            try await ground.agent.register(Self.service, port: Self.port)
          } until: {
            known() == 1
          })
      }
    }
    try await ground.agent.deregister(Self.service, port: Self.port)
    let bound = "p99 \(milliseconds(Self.bound)) ms"
    return [
      finding(
        "registered, then known to a caller", came.text, bound: bound,
        came.quantile(0.99) <= Self.bound),
      finding(
        "deregistered, then no more known", went.text, bound: bound,
        went.quantile(0.99) <= Self.bound),
    ]
  }

  /// From the change's being asked for to the caller's knowing it.
  private func time(
    on loop: EventLoop, _ change: () async throws -> Void, until isKnown: () -> Bool
  ) async throws -> Duration {
    let began = MonotonicTime.now()
    try await change()
    try await wait(for: "the change", atMost: .seconds(5), pace: .milliseconds(1), on: loop) {
      isKnown()
    }
    return MonotonicTime.now() - began
  }
}

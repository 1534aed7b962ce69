import EventLoops
import HTTPClient

/// One way in which things go wrong, done to real processes, and what may come of it.
protocol Drill: Sendable {
  static var name: String { get }

  init()

  /// - Throws: `Trouble` when it cannot be held.
  func run(on ground: Ground) async throws -> [Finding]
}

extension Drill {
  func finding(_ what: String, _ measured: String, bound: String, _ isGood: Bool) -> Finding {
    Finding(drill: Self.name, what: what, measured: measured, bound: bound, isGood: isGood)
  }
}

/// What drills are held on: a running copy of the shop with three user services, its Consul, a loop.
struct Ground: Sendable {
  let shop: Shop
  let agent: Agent
  let group: EventLoopGroup
  /// How often what is a time is measured.
  let rounds: Int
  let ordersPerSecond: Int

  /// - Throws: `Trouble` unless `arguments` name a copy that runs.
  init(_ arguments: Arguments) throws {
    guard let shopctl = arguments.text("shopctl") else { throw Trouble("--shopctl is missing") }
    group = EventLoopGroup(count: 1)
    shop = Shop(
      shopctl: shopctl, portsFrom: try arguments.number("ports-from", in: 1024...65000),
      loopback: Loopback(client: CurlClient(group: group)))
    agent = try shop.agent
    rounds = try arguments.number("rounds", default: 20, in: 1...1000)
    ordersPerSecond = try arguments.number("orders-per-second", default: 50, in: 1...1000)
  }

  var loop: EventLoop { group.loops[0] }

  /// A product with one variant, which is stocked up for the drills.
  static let variant = 1

  func caller() throws -> Caller { try Caller(agent: agent.address, group: group) }

  /// Runs `body` while each of the callers makes its load, with its watch of `service`.
  func all(
    _ callers: ArraySlice<Caller>, _ loads: ArraySlice<Load>, watching service: String,
    _ body: () async throws -> Void
  ) async throws {
    guard let caller = callers.first, let load = loads.first else { return try await body() }
    try await caller.watching([service]) {
      try await load.beside {
        try await all(callers.dropFirst(), loads.dropFirst(), watching: service, body)
      }
    }
  }

  /// Peers, each a process of its own.
  func peers(_ count: Int, role: String = "peer") async throws -> [PeerProcess] {
    var peers: [PeerProcess] = []
    for _ in 0..<count { peers.append(try await PeerProcess(role, agent: agent)) }
    return peers
  }

  /// A peer in front of the instance at `port`; see `Thief`.
  func thief(of port: Int) async throws -> PeerProcess {
    try await PeerProcess("thief", agent: agent, further: ["--of", "\(port)"])
  }
}

import CoreHTTP
import EventLoops
import Glibc
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import Synchronization

/// A service that does as it is told: the peers of the drills, each a process of its own
/// (`resilience-drills peer --port N`), with what every service has around its handlers.
///
///     GET  /work       answers as the mode says; ?client=N tells callers apart
///     GET  /relay      asks the peer named in ?to= for /work, as services do: the first of two hops
///     GET  /tally      what became of the requests to /work
///     PUT  /mode/X     good, failing (500 after 1 ms), slow (5 s), healing (hangs once for each client)
struct Peer: Sendable {
  enum Mode: String, Sendable { case good, failing, slow, healing }

  /// What became of the requests to /work since the mode was set.
  struct Tally: Codable, Sendable {
    var begun = 0
    var ended = 0
    /// Given up by the caller or out of time, and how long after their beginning.
    var cancelled = 0
    var cancelledAfterMilliseconds: [Int] = []
  }

  private struct State {
    var mode = Mode.good
    var tally = Tally()
    /// Clients whose one hanging request has come.
    var hungOnce: Set<String> = []
  }

  private final class Memory: Sendable {
    let state = Mutex(State())
  }

  private let memory = Memory()
  private let group = EventLoopGroup(count: 1)
  private let caller: Caller

  static let slowTime: Duration = .seconds(5)

  init(agent: String) throws {
    caller = try Caller(agent: agent, group: group)
  }

  /// Serves until it is killed.
  func run(port: UInt16) async throws {
    let server = HTTPServer(handler: try routes().router, group: group, port: port)
    try await server.start()
    print("listening on \(server.port)")
    fflush(nil)
    try await caller.watching([DeadlineDrill.lastHop]) {
      while true { try await Task.sleep(for: .seconds(3600)) }
    }
  }

  private func routes() throws -> Routes {
    let database = Database(
      try DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1/none"), group: group)
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { $0 }),
        authenticate: { .service($0) },
        logger: Logger(label: "peer") { _ in SwiftLogNoOpLogHandler() }))
    routes.get("/work", access: .anyone) { call in
      try await work(client: call.query(["client"]).text("client") ?? "")
    }
    routes.get("/relay", access: .anyone) { call in
      try await caller.peers.upstream(call.query(["to"]).text("to") ?? "").call(.get, "/work")
    }
    routes.get("/tally", access: .anyone) { _ in
      try .json(memory.state.withLock { $0.tally })
    }
    routes.put("/mode/{mode}", access: .anyone) { call in
      guard let mode = Mode(rawValue: try call.parameter("mode")) else {
        return HTTPResponse(HTTPStatus(404))
      }
      memory.state.withLock { $0 = State(mode: mode) }
      return HTTPResponse(.ok)
    }
    return routes
  }

  private func work(client: String) async throws -> HTTPResponse {
    let began = MonotonicTime.now()
    let pause: Duration = memory.state.withLock { state in
      state.tally.begun += 1
      return switch state.mode {
      case .good: .milliseconds(2)
      case .failing: .milliseconds(1)
      case .slow: Self.slowTime
      case .healing: state.hungOnce.insert(client).inserted ? .seconds(60) : .milliseconds(2)
      }
    }
    do {
      try await Task.sleep(for: pause)
    } catch {
      let milliseconds = Int((MonotonicTime.now() - began) / .milliseconds(1))
      memory.state.withLock {
        $0.tally.cancelled += 1
        $0.tally.cancelledAfterMilliseconds.append(milliseconds)
      }
      throw error
    }
    return memory.state.withLock { state in
      state.tally.ended += 1
      return HTTPResponse(state.mode == .failing ? HTTPStatus(500) : .ok)
    }
  }
}

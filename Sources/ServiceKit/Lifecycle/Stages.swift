import CoreHTTP
import EventLoops
import Logging
import Postgres
import ServiceLifecycle

// What a running service consists of, as stages that are begun in order and ended in reverse.

/// Keeps the pool open until everything that uses it has ended.
struct DatabaseStage: ServiceLifecycle.Service {
  let database: Database

  func run() async throws {
    try await gracefulShutdown()
    await database.close()
  }
}

/// Runs the workers, spread over the loops.
struct WorkerStage: ServiceLifecycle.Service {
  let workers: [Worker]
  let loops: EventLoopGroup
  let logger: Logger

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      for (index, worker) in workers.enumerated() {
        let loop = loops.loops[index % loops.loops.count]
        group.addTask { await worker.run(on: loop, logger: logger) }
      }
      // The stage ends when it is told to; cancelled when time runs out, which is the same here.
      try? await gracefulShutdown()
      group.cancelAll()
    }
  }
}

/// Serves until told to stop, then finishes what was begun.
struct ServerStage: ServiceLifecycle.Service {
  let server: HTTPServer
  let signal: FeedSignal
  let grace: Duration

  func run() async throws {
    try await gracefulShutdown()
    signal.drain()
    await server.drain(within: grace)
  }
}

/// Makes the service known once it serves, and takes it out before it stops.
struct DiscoveryStage: ServiceLifecycle.Service {
  /// How long peers, and whatever else sends requests here, get to notice that this one leaves.
  static let linger: Duration = .seconds(2)

  let peers: Peers
  let readiness: Readiness
  let server: HTTPServer
  let instance: String

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await peers.stayRegistered(port: server.port, instance: instance, readiness: readiness)
      }
      // As above: told to stop, or cancelled.
      try? await gracefulShutdown()
      readiness.drain()
      server.announceEnd()
      group.cancelAll()
      await group.waitForAll()
    }
    await peers.deregister()
    // Cancelled while lingering: time has run out.
    try? await Task.sleep(for: Self.linger)
  }
}

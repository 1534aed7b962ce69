import EventLoops
import HTTPMessages
import Logging
import Resilience
import ServiceKit

/// Calls peers as every service does: found in Consul, balanced, under the policies of `Preset.http`.
struct Caller: Sendable {
  let peers: Peers
  private let group: EventLoopGroup

  /// - Parameter agent: of Consul, "127.0.0.1:8500".
  init(agent: String, group: EventLoopGroup) throws {
    let settings = try Settings(
      environment: [
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/none", "CONSUL_HTTP_ADDR": agent,
      ], for: .inspect, portDefault: 0)
    peers = try Peers(
      identity: ServiceIdentity(name: "drill", short: "drill", schema: "drill", port: 0),
      settings: settings, group: group, signer: nil,
      logger: Logger(label: "drill") { _ in SwiftLogNoOpLogHandler() })
    self.group = group
  }

  /// Runs `body` while the watches of the peers called `names` run.
  func watching<Value: Sendable>(
    _ names: [String], _ body: () async throws -> Value
  ) async throws -> Value {
    for name in names { _ = peers.upstream(name) }
    let watches = peers.workers
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      for worker in watches {
        tasks.addTask { [loop = group.loops[0]] in
          await worker.run(
            on: loop, logger: Logger(label: "drill") { _ in SwiftLogNoOpLogHandler() })
        }
      }
      defer { tasks.cancelAll() }
      return try await body()
    }
  }

  /// The instances of a peer that are known now, by address.
  func instances(of name: String) -> [PeerEndpoints.View.Instance] {
    peers.discovery().first { $0.service == name }?.instances ?? []
  }

  /// The circuit breaker of calls to a peer.
  func breaker(of name: String) throws -> CircuitBreaker {
    _ = peers.upstream(name)
    guard let found = peers.pipelines.first(where: { $0.target == name }) else {
      throw Trouble("there is no circuit breaker for \(name)")
    }
    return found.pipeline.circuitBreaker
  }

  /// What became of one call: nil for an answer below 500.
  func failure(of name: String, _ target: String) async -> String? {
    do {
      let answer = try await peers.upstream(name).call(.get, target)
      return answer.status.code < 500 ? nil : "\(answer.status.code)"
    } catch {
      return "\(error)"
    }
  }
}

import Foundation

/// Ends a copy: the supervisor with its services and agent, what a killed supervisor left behind,
/// and the database last.
struct Shutdown: Sendable {
  let state: StateDirectory
  let progress: Progress

  /// More than a service's own grace, which the supervisor waits for.
  static let supervisorGrace: Duration = .seconds(40)

  /// - Returns: whether there was anything to end.
  @discardableResult
  func run() async throws -> Bool {
    var found = false
    if let supervisor = SupervisorRecord.living(state) {
      found = true
      try await progress.step("services and Consul stopped") {
        await supervisor.process.end(grace: Self.supervisorGrace)
      }
    }
    if try await endLeftovers() { found = true }
    if let plan = Plan.read(state), plan.ownsDatabase {
      let database = try await PrivatePostgres(plan)
      if database.hasProcess {
        found = true
        try await progress.step("PostgreSQL stopped") { try await database.stop() }
      }
    }
    return found
  }

  /// Ends what still runs although its supervisor is gone. Processes are known by pid and start
  /// time, so a stranger with the same pid is left alone.
  @discardableResult
  func endLeftovers() async throws -> Bool {
    let names = Replicas.possible.map(\.name) + ["consul"]
    let left = names.compactMap { name in
      PrivateFile.read(ProcessRecord.self, from: state.recordPath(name))
        .flatMap { record in record.process.map { (name, $0) } }
    }.filter { $0.1.isAlive }
    if !left.isEmpty {
      let list = left.map { "\($0.0) (pid \($0.1.pid))" }.joined(separator: ", ")
      try await progress.step("left over from a killed supervisor, now ended: \(list)") {
        await withTaskGroup(of: Void.self) { group in
          for (_, process) in left {
            group.addTask { await process.end(grace: SupervisedProcess.stopGrace) }
          }
        }
      }
    }
    for name in names { unlink(state.recordPath(name)) }
    unlink(state.supervisorPath)
    return !left.isEmpty
  }
}

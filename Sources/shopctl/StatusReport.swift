import Foundation

/// What runs, as `status` says it.
struct StatusReport: Encodable, Sendable {
  struct Service: Encodable, Sendable {
    /// "order", or "order-2".
    let name: String
    let url: String
    /// "ready", "starting", "restarting" or "stopped".
    let state: String
    /// What it lacks when it is not ready.
    let problem: String?
    let pid: Int32?
    let instance: String?
    let startedAt: Date?
    let restarts: Int
    let lastEnd: String?
    let nextStartAt: Date?
  }

  let running: Bool
  let services: [Service]
  let consul: Service?
  let database: String
  let databaseRunning: Bool
  let logs: String
  /// The lines for people.
  let table: String

  var isReady: Bool {
    running && databaseRunning && services.allSatisfy { $0.state == "ready" }
  }

  private enum CodingKeys: String, CodingKey {
    case running, services, consul, database, databaseRunning, logs
  }

  static func make(state: StateDirectory, plan: Plan) async -> StatusReport {
    let services = await withTaskGroup(of: (Int, Service).self) { group in
      for (index, instance) in plan.ports.instances.enumerated() {
        group.addTask {
          let record = PrivateFile.read(ProcessRecord.self, from: state.recordPath(instance.name))
          var problem: String? = "it is not running"
          if let record { problem = await Readiness.service(record) }
          return (index, report(instance.name, plan.ports[instance.name], record, problem))
        }
      }
      var found: [(Int, Service)] = []
      for await one in group { found.append(one) }
      return found.sorted { $0.0 < $1.0 }.map(\.1)
    }
    var consul: Service?
    if plan.agent != nil {
      let record = PrivateFile.read(ProcessRecord.self, from: state.recordPath("consul"))
      let problem = await Readiness.agent(port: plan.ports["consul"], nodeName: plan.nodeName)
      consul = report("consul", plan.ports["consul"], record, problem)
    }
    let databaseRunning: Bool
    if plan.ownsDatabase {
      // Programs that are gone can have no server running.
      databaseRunning = (try? await PrivatePostgres(plan).hasProcess) ?? false
    } else {
      databaseRunning = true
    }
    let table = AddressTable(plan: plan, state: state).text { instance in
      services.first { $0.name == instance.name }.map(note) ?? ""
    }
    return StatusReport(
      running: SupervisorRecord.living(state) != nil, services: services, consul: consul,
      database: plan.databaseAddress, databaseRunning: databaseRunning, logs: state.logsPath,
      table: table)
  }

  private static func report(
    _ name: String, _ port: Int, _ record: ProcessRecord?, _ problem: String?
  ) -> Service {
    let word =
      switch record?.state {
      case nil, .stopped: "stopped"
      case .waiting: "restarting"
      case .running: problem == nil ? "ready" : "starting"
      }
    return Service(
      name: name, url: "http://127.0.0.1:\(port)", state: word, problem: problem,
      pid: record?.process?.pid, instance: record?.instance, startedAt: record?.startedAt,
      restarts: record?.restarts ?? 0, lastEnd: record?.lastEnd,
      nextStartAt: record?.nextStartAt)
  }

  private static func note(_ service: Service) -> String {
    service.restarts == 0 ? service.state : "\(service.state), run \(service.restarts + 1)"
  }

  /// A line for each service that is not well, or was not.
  var remarks: [String] {
    (services + (consul.map { [$0] } ?? [])).compactMap { service in
      if let problem = service.problem { return "\(service.name): \(problem)" }
      return service.lastEnd.map {
        "\(service.name): this is run \(service.restarts + 1); the one before ended with \($0)"
      }
    } + (databaseRunning ? [] : ["database: its server is not running"])
  }
}

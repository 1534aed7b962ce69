import Foundation

/// What `up` does, from an empty folder to services that answer.
struct StartSequence: Sendable {
  let state: StateDirectory
  let ports: Ports
  let portsFrom: Int?
  let programs: Programs
  let checkout: String
  /// The command line to repeat in advice: "./shop up --ports-from 20000".
  let command: String
  let environment: [String: String]
  let progress: Progress

  /// How long one program may take from its start to its first good answer.
  static let readyWithin: Duration = .seconds(60)
  /// How long all of them may take until Consul has checked each once.
  static let listedWithin: Duration = .seconds(30)

  /// - Returns: the plan that now runs.
  func run() async throws -> Plan {
    for service in ServiceEntry.all { _ = try programs.path(service) }
    try await Shutdown(state: state, progress: progress).run()
    let nodeName = ConsulAgent.nodeName(state)
    let agent = ConsulAgent.program(
      ports: ports, nodeName: nodeName, checkout: checkout, environment: environment)
    let external = try environment["DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
      .map { try DatabaseURL($0, setting: "DATABASE_URL") }
    try PortOwner.require(
      free: ports,
      names: ports.instances.map(\.name)
        + (agent == nil ? [] : ["consul", "consul-server", "consul-serf"])
        + (external == nil ? ["postgres"] : []),
      command: command)

    setLogsAside()
    let passwords = try DatabasePasswords.open(
      at: state.passwordsPath, roles: [PrivatePostgres.superuser] + Roles.names)
    let database = try await startDatabase(external, passwords)
    let site = Site(
      database: database, passwordsPath: state.passwordsPath, keys: Keys(folder: state.keysPath),
      ports: ports, usesConsul: agent != nil)
    let serviceEnvironment = try site.environment()
    let plan = Plan(
      agent: agent,
      services: try ports.instances.map {
        Plan.Program(
          name: $0.name, path: try programs.path($0.service), arguments: ["serve"],
          environment: serviceEnvironment.serving($0), port: ports[$0.name])
      },
      ports: ports, nodeName: nodeName, databaseAddress: database.safeText,
      adminURL: database.text, ownsDatabase: external == nil, databasePath: state.databasePath,
      portsFrom: portsFrom)
    // From here on a later `down` knows what to end.
    try PrivateFile.write(json: plan, to: state.planPath)
    try await setUp(
      site, commands: ServiceCommands(programs: programs, environment: serviceEnvironment))
    if agent == nil { sayWhyNoConsul() }
    try await startSupervisor()
    try await waitUntilReady(plan)
    return plan
  }

  /// Each `up` starts new logs and keeps those of the one before as `.1`.
  private func setLogsAside() {
    for name in ports.instances.map(\.name) + ["consul", "supervisor"] {
      rename(state.logPath(name), state.logPath(name) + ".1")
    }
  }

  private func startDatabase(_ external: DatabaseURL?, _ passwords: DatabasePasswords) async throws
    -> DatabaseURL
  {
    if let external {
      let session = AdminSession(url: external)
      try await progress.step("PostgreSQL of DATABASE_URL (\(external.safeText))") {
        _ = try await session.value("SELECT version()", database: "postgres")
      }
      return external
    }
    let database = PrivatePostgres(
      programs: try await .find(), folder: state.databasePath, port: ports["postgres"],
      password: passwords[PrivatePostgres.superuser], services: ports.instances.count)
    let isNew = !database.exists
    try await progress.step(
      "PostgreSQL \(database.programs.major), \(isNew ? "new" : "kept") data, port \(database.port)"
    ) {
      try await database.create()
      try await database.start()
    }
    return database.adminURL
  }

  private func setUp(_ site: Site, commands: ServiceCommands) async throws {
    try await progress.step("roles, schemas and keys") {
      try await Roles(admin: site.admin, passwords: try site.passwords()).create()
      try site.keys.create()
      let passwords = try site.passwords()
      let lines = Roles.names.map { "*:*:*:\($0):\(passwords[$0])\n" }.joined()
      try PrivateFile.write(Data(lines.utf8), to: state.passwordFilePath)
    }
    try await progress.step("migrations") { try await commands.migrate() }
    guard environment["ENVIRONMENT"] != "production" else {
      progress.say("     no example data: ENVIRONMENT is production")
      return
    }
    // Once per database: what was changed or removed since must not come back.
    let mark = environment["DATABASE_URL"] == nil ? state.databasePath : state.path
    let seededMark = mark + "/seeded"
    guard !FileManager.default.fileExists(atPath: seededMark) else { return }
    try await progress.step("example products and users") { try await commands.seed(reset: false) }
    try PrivateFile.write(Data(), to: seededMark)
  }

  private func sayWhyNoConsul() {
    progress.say(
      environment["DISCOVERY"] == "static"
        ? "     without Consul, as DISCOVERY=static asks"
        : "     Consul is not installed: the services find each other by a fixed table")
  }

  /// The supervisor outlives this command: `setsid --fork` gives it a session of its own.
  private func startSupervisor() async throws {
    let logPath = state.logPath("supervisor")
    let started = try await ShortCommand.run(
      "setsid",
      [
        "--fork", "sh", "-c", "exec \"$0\" \"$@\" >>\"$SHOP_SUPERVISOR_LOG\" 2>&1 </dev/null",
        Programs.ownPath, "supervise", state.path,
      ], environment: ["SHOP_SUPERVISOR_LOG": logPath])
    let deadline = ContinuousClock.now + .seconds(10)
    while started.isSuccess, SupervisorRecord.living(state) == nil {
      guard ContinuousClock.now < deadline else { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    guard SupervisorRecord.living(state) != nil else {
      throw Trouble(
        "the supervisor did not start.", evidence: LogTail.last(5, of: logPath),
        next: ["All of it: \(logPath)"])
    }
  }

  private func waitUntilReady(_ plan: Plan) async throws {
    if plan.agent != nil {
      try await waitFor("Consul, port \(ports["consul"])", process: "consul") { record in
        guard record.process?.isAlive ?? false else { return "it is not running" }
        return await Readiness.agent(port: record.port, nodeName: plan.nodeName)
      }
    }
    for name in ports.instances.map(\.name) {
      try await waitFor("\(name), port \(ports[name])", process: name) {
        await Readiness.service($0)
      }
    }
    if plan.agent != nil { try await waitUntilListed() }
  }

  /// The services find each other through Consul: before all are in it, a first order could miss one.
  private func waitUntilListed() async throws {
    let port = ports["consul"]
    try await progress.step("\(ports.instances.count) instances of five services in Consul") {
      let deadline = ContinuousClock.now + Self.listedWithin
      var missing = await Readiness.unlisted(of: ports)
      while !missing.isEmpty {
        guard ContinuousClock.now < deadline else {
          throw Trouble(
            "Consul does not list as passing: \(missing.joined(separator: ", ")).",
            next: ["Look at http://127.0.0.1:\(port)/ui and the logs in \(state.logsPath)"])
        }
        try await Task.sleep(for: .milliseconds(100))
        missing = await Readiness.unlisted(of: ports)
      }
    }
  }

  /// - Parameter lacks: what the program still lacks, nil when it is ready.
  private func waitFor(
    _ text: String, process: String, lacks: @Sendable (ProcessRecord) async -> String?
  ) async throws {
    try await progress.step(text) {
      let deadline = ContinuousClock.now + Self.readyWithin
      var lacking: String? = "it has not been started"
      while true {
        if let record = PrivateFile.read(ProcessRecord.self, from: state.recordPath(process)) {
          lacking = await lacks(record)
          if lacking == nil { return }
          // One fall may be a port not yet given back; a second one is a fault.
          if record.failures >= 2 { break }
        }
        guard ContinuousClock.now < deadline else { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      throw Trouble(
        "\(process) did not become ready: \(lacking ?? "").",
        evidence: portTaker(process) + LogTail.last(8, of: state.logPath(process)),
        next: ["All of it: \(state.logPath(process))"])
    }
  }

  /// Who took the port of a program that could not have it, since the ports were looked at.
  private func portTaker(_ process: String) -> [String] {
    let port = ports[process]
    guard let owner = PortOwner.of(port: port) else { return [] }
    let ours = PrivateFile.read(ProcessRecord.self, from: state.recordPath(process))?.process?.pid
    return owner.pid == ours ? [] : ["port \(port) is in use by \(owner.description)"]
  }
}

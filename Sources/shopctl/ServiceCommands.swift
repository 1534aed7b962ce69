/// Runs the services' own commands: `migrate` and `seed`, as each knows how.
struct ServiceCommands: Sendable {
  let programs: Programs
  let environment: ServiceEnvironment

  /// Brings all five schemas up to date.
  func migrate() async throws {
    for service in ServiceEntry.all { try await run(["migrate"], of: service) }
  }

  /// - Parameter reset: empties the tables first.
  func seed(reset: Bool) async throws {
    guard reset else {
      for service in ServiceEntry.all { try await run(["seed"], of: service) }
      return
    }
    for service in ServiceEntry.sourcesFirst {
      try await run(["seed", "--reset"], of: service)
      // The provider's memory of payments that are no more: its own role alone may empty it.
      if service.short == "payment" { try await emptySimulator() }
    }
  }

  private func emptySimulator() async throws {
    let url = environment.database.with(
      user: Roles.simulator, password: environment.passwords[Roles.simulator])
    try await AdminSession(url: url).run([Roles.emptyingSimulator])
  }

  private func run(_ arguments: [String], of service: ServiceEntry) async throws {
    let outcome = try await ShortCommand.run(
      try programs.path(service), arguments,
      environment: environment.administering(service))
    guard outcome.isSuccess else {
      throw Trouble(
        "\(service.name) \(arguments.joined(separator: " ")) ended with \(outcome.ending).",
        evidence: outcome.lastLines(12))
    }
  }
}

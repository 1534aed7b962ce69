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
    for service in ServiceEntry.all {
      try await run(["seed"] + (reset ? ["--reset"] : []), of: service)
    }
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

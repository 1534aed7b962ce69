import Foundation

/// Where the database, its passwords and the keys of a set-up are: a copy on this machine, or what
/// the environment of a container says.
struct Site: Sendable {
  let database: DatabaseURL
  let passwordsPath: String
  let keys: Keys
  let ports: Ports
  let usesConsul: Bool

  var admin: AdminSession { AdminSession(url: database) }

  func passwords() throws -> DatabasePasswords {
    try .open(at: passwordsPath, roles: Roles.names)
  }

  func environment() throws -> ServiceEnvironment {
    ServiceEnvironment(
      ports: ports, database: database, passwords: try passwords(), keys: keys,
      usesConsul: usesConsul)
  }

  /// From `DATABASE_URL` (an administrator's) and `KEYS_DIRECTORY`.
  /// - Throws: `Trouble` that lists what is missing.
  static func fromEnvironment(_ environment: [String: String]) throws -> Site {
    let missing = ["DATABASE_URL", "KEYS_DIRECTORY"].filter { environment[$0]?.isEmpty ?? true }
    guard missing.isEmpty, let url = environment["DATABASE_URL"],
      let folder = environment["KEYS_DIRECTORY"]
    else {
      throw Trouble(
        "a setting is missing.", evidence: missing.map { "\($0): not set" },
        next: [
          "DATABASE_URL is an administrator's address: postgres://USER:PASSWORD@HOST/ecommerce_db",
          "KEYS_DIRECTORY is the folder that holds the services' keys.",
        ])
    }
    return Site(
      database: try DatabaseURL(url, setting: "DATABASE_URL"),
      passwordsPath: folder + "/all/database.json", keys: Keys(folder: folder),
      ports: try Ports(from: nil), usesConsul: environment["DISCOVERY"] != "static")
  }

  /// The copy that `up` made.
  static func of(_ plan: Plan, state: StateDirectory) throws -> Site {
    Site(
      database: try DatabaseURL(plan.adminURL, setting: "plan.json"),
      passwordsPath: state.passwordsPath, keys: Keys(folder: state.keysPath), ports: plan.ports,
      usesConsul: plan.agent != nil)
  }

  /// What a command is about: the environment's when it names keys, else the copy on this machine.
  static func current(_ copy: CopyOptions) throws -> Site {
    let environment = ProcessInfo.processInfo.environment
    if environment["KEYS_DIRECTORY"] != nil { return try fromEnvironment(environment) }
    let state = copy.state
    guard let plan = Plan.read(state) else {
      throw Trouble(
        "the shop has not been started here yet.", evidence: [state.path],
        next: ["Start it: ./shop up\(copy.words)"])
    }
    return try of(plan, state: state)
  }

  /// A password file for libpq beside the keys of each service, so that its `DATABASE_URL` needs
  /// none: postgres://order_app@postgres/ecommerce_db?passfile=/keys/order-service/pgpass
  func writePasswordFiles() throws {
    let passwords = try passwords()
    for service in ServiceEntry.all {
      let roles =
        [service.applicationRole] + (service.short == "payment" ? [Roles.simulator] : [])
      let lines = roles.map { "*:*:*:\($0):\(passwords[$0])\n" }.joined()
      try PrivateFile.write(Data(lines.utf8), to: keys.folder(of: service) + "/pgpass")
    }
  }
}

import EventLoops
import Foundation
import Postgres
import TestSupport

@testable import shopctl

/// A database as `./shop up` sets it up: roles, schemas and keys by the tool, tables by the services' own
/// programs. Its server is its own, since roles belong to the whole server.
struct MigratedShop: Sendable {
  /// One of the database's roles, and what it is for.
  struct Role: Sendable {
    let name: String
    /// The one schema that it works in; nil for the auditor, who reads them all.
    let schema: String?
    /// Whether that schema is its own, to change as it likes: the migrator's roles, and the simulator's.
    let isOwner: Bool
  }

  static let roles =
    ServiceEntry.all.flatMap { service in
      [
        Role(name: service.applicationRole, schema: service.schema, isOwner: false),
        Role(name: service.ownerRole, schema: service.schema, isOwner: true),
      ]
    } + [
      Role(name: Roles.simulator, schema: Roles.simulatorSchema, isOwner: true),
      Role(name: Roles.auditor, schema: nil, isOwner: false),
    ]
  static let schemas = ServiceEntry.all.map(\.schema) + [Roles.simulatorSchema]

  private static let loops = EventLoopGroup(count: 1)
  private static let made = Task { try await MigratedShop() }

  let site: Site
  private let passwords: DatabasePasswords
  /// Holds the keys and the passwords.
  private let temporary: TemporaryState

  /// The one of this test process, made by the first call.
  static func shared() async throws -> MigratedShop { try await made.value }

  /// One more.
  ///
  /// - Parameter ports: where its services would listen.
  init(ports: Ports? = nil) async throws {
    temporary = try TemporaryState()
    let server = try await TestSupport.PrivatePostgres.separate()
    let url = server.adminURL.replacing("/postgres", with: "/\(DatabaseURL.standardDatabase)")
    site = Site(
      database: try DatabaseURL(url, setting: "test"), passwordsPath: temporary.state.passwordsPath,
      keys: Keys(folder: temporary.state.keysPath), ports: try ports ?? Ports(from: nil),
      usesConsul: false)
    passwords = try site.passwords()
    try await Roles(admin: site.admin, passwords: passwords).create()
    try site.keys.create()
    try await commands.migrate()
  }

  var commands: ServiceCommands {
    get throws { ServiceCommands(programs: Self.programs, environment: try site.environment()) }
  }

  /// SwiftPM puts the services' programs where it puts the tests.
  static var programs: Programs {
    Programs(folder: URL(filePath: Programs.ownPath).deletingLastPathComponent().path)
  }

  /// Where a test's programs may write what they print.
  func logPath(_ name: String) -> String { temporary.state.logPath(name) }

  /// Runs `body` with the database as `role` sees it; without one, as the superuser does.
  func withDatabase<Value>(
    as role: Role? = nil, _ body: (Database) async throws -> Value
  ) async throws -> Value {
    let url = role.map { site.database.with(user: $0.name, password: passwords[$0.name]) }
    let database = Database(
      try patientConfiguration(url: (url ?? site.database).text), group: Self.loops)
    do {
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }
}

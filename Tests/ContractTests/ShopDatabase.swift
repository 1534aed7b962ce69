import EventLoops
import Postgres
import TestSupport

/// One database with a schema for each service under test, each with the role and the rights that the
/// running service has.
struct ShopDatabase {
  private static let password = "only-for-tests"
  static let loops = EventLoopGroup(count: 1)

  private let server: PrivatePostgres
  /// As superuser.
  let url: String
  private let admin: Database

  init() async throws {
    server = try await PrivatePostgres.shared()
    url = try await server.makeDatabase(named: "contracts")
    admin = Database(try patientConfiguration(url: url), group: Self.loops)
  }

  /// Makes a schema and its role.
  ///
  /// - Parameter isOwner: whether the schema is the role's own.
  /// - Returns: the role's connection string.
  func addSchema(_ schema: String, role: String, isOwner: Bool = false) async throws -> String {
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE \(identifier: role) LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA \(identifier: schema)")
    try await admin.execute(
      isOwner
        ? "ALTER SCHEMA \(identifier: schema) OWNER TO \(identifier: role)"
        : "GRANT USAGE ON SCHEMA \(identifier: schema) TO \(identifier: role)")
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I',
        \(literal: role), current_database(), \(literal: schema)); END $$
      """)
    return server.url(url, user: role, password: Self.password)
  }

  static func open(_ url: String) throws -> Database {
    Database(try patientConfiguration(url: url), group: loops)
  }

  /// A database whose search path is `schema`, as superuser.
  func owner(of schema: String) async throws -> Database {
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I',
        current_user, current_database(), \(literal: schema)); END $$
      """)
    return try Self.open(url)
  }
}

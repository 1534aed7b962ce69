import Postgres

/// The database's roles and schemas: one schema and two roles per service, the simulated payment
/// provider's schema with a role of its own, and an auditor who may read everything.
///
/// `<service>_owner` owns the schema and is used by the migrator alone; `<service>_app` gets what the
/// migrations grant. No service's role can look into another's schema. Made again, nothing changes.
struct Roles: Sendable {
  let admin: AdminSession
  let passwords: DatabasePasswords

  static let simulator = "psp_sim"
  static let simulatorSchema = "sim"
  static let auditor = "auditor"

  /// All names that get a password.
  static var names: [String] {
    ServiceEntry.all.flatMap { [$0.ownerRole, $0.applicationRole] } + [simulator, auditor]
  }

  /// Empties the provider simulator's tables, and leaves what was migrated there.
  static var emptyingSimulator: SQL {
    """
    DO $$ DECLARE tables text; BEGIN
      SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO tables
      FROM pg_tables
      WHERE schemaname = \(literal: simulatorSchema) AND tablename <> 'schema_migrations';
      IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables || ' RESTART IDENTITY'; END IF;
    END $$
    """
  }

  /// - Throws: `Trouble` with the server's words.
  func create() async throws {
    let name = admin.url.database
    let known = try await admin.value(
      "SELECT datname::text FROM pg_database WHERE datname = \(name)", database: "postgres")
    if known == nil {
      try await admin.runAlone("CREATE DATABASE \(identifier: name)", database: "postgres")
    }
    try await admin.run(
      Self.opening(database: name)
        + Self.names.flatMap { Self.role($0, password: passwords[$0], database: name) }
        + (ServiceEntry.all.map(\.applicationRole) + [Self.simulator]).map(Self.withoutCompiling)
        + ServiceEntry.all.flatMap(Self.schema(of:))
        + Self.schema(Self.simulatorSchema, owner: Self.simulator)
        + ["ALTER ROLE \(identifier: Self.auditor) SET default_transaction_read_only = on"])
  }

  /// What holds for all of it: who takes turns, what is logged, what everyone may do by default.
  private static func opening(database: String) -> [SQL] {
    [
      "SELECT pg_advisory_xact_lock(hashtextextended('roles of the shop', 0))",
      // Passwords stay out of the server's log, also when a statement fails; an administrator who
      // may not say so has no log to look at either.
      """
      DO $$ BEGIN
        SET LOCAL log_statement = 'none';
        SET LOCAL log_min_error_statement = 'panic';
      EXCEPTION WHEN insufficient_privilege THEN NULL;
      END $$
      """,
      "REVOKE ALL ON DATABASE \(identifier: database) FROM PUBLIC",
      "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ]
  }

  private static func role(_ role: String, password: String, database: String) -> [SQL] {
    [
      """
      DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = \(literal: role)) THEN
          CREATE ROLE \(identifier: role) LOGIN;
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
          GRANT \(identifier: role) TO CURRENT_USER;
        END IF;
      END $$
      """,
      "GRANT CONNECT ON DATABASE \(identifier: database) TO \(identifier: role)",
      "ALTER ROLE \(identifier: role) PASSWORD \(literal: password)",
    ]
  }

  /// A statement that the planner takes for dear, rightly or not, is compiled to machine code first, anew each
  /// time (`jit`); the services' statements are short. Measured where estimates were made far too high (by
  /// `enable_seqscan = off`): an order cost PostgreSQL 43 ms of processor time instead of 12.
  private static func withoutCompiling(_ role: String) -> SQL {
    "ALTER ROLE \(identifier: role) SET jit = off"
  }

  private static func schema(of service: ServiceEntry) -> [SQL] {
    let role = service.applicationRole
    return schema(service.schema, owner: service.ownerRole) + [
      "GRANT USAGE ON SCHEMA \(identifier: service.schema) TO \(identifier: role)",
      "ALTER ROLE \(identifier: role) SET search_path = \(identifier: service.schema)",
      "ALTER ROLE \(identifier: role) SET statement_timeout = '5s'",
      "ALTER ROLE \(identifier: role) SET idle_in_transaction_session_timeout = '10s'",
      "ALTER ROLE \(identifier: role) SET lock_timeout = '2s'",
    ]
  }

  private static func schema(_ schema: String, owner: String) -> [SQL] {
    [
      "CREATE SCHEMA IF NOT EXISTS \(identifier: schema) AUTHORIZATION \(identifier: owner)",
      "ALTER ROLE \(identifier: owner) SET search_path = \(identifier: schema)",
      "GRANT USAGE ON SCHEMA \(identifier: schema) TO \(identifier: auditor)",
      "GRANT SELECT ON ALL TABLES IN SCHEMA \(identifier: schema) TO \(identifier: auditor)",
      """
      ALTER DEFAULT PRIVILEGES FOR ROLE \(identifier: owner) IN SCHEMA \(identifier: schema)
        GRANT SELECT ON TABLES TO \(identifier: auditor)
      """,
    ]
  }
}

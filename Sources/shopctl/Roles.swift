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

  func create() async throws {
    let database = admin.url.database
    let known = try await admin.value(
      "SELECT count(*) FROM pg_database WHERE datname = \(AdminSession.literal(database))",
      database: "postgres")
    if known == "0" {
      try await admin.run(
        "CREATE DATABASE \(Self.identifier(database));", inTransaction: false,
        database: "postgres")
    }
    try await admin.run(script(database: Self.identifier(database)))
  }

  private func script(database: String) -> String {
    var lines = [
      // Two set-ups at once take turns.
      "SELECT pg_advisory_xact_lock(7305516) \\g /dev/null",
      // Passwords stay out of the server's log, also when a statement fails.
      "DO $$ BEGIN SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic';",
      "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;",
      "REVOKE ALL ON DATABASE \(database) FROM PUBLIC;",
      "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
    ]
    for role in Self.names {
      lines += [
        """
        DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '\(role)') THEN
            CREATE ROLE \(role) LOGIN;
          END IF;
          IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            GRANT \(role) TO CURRENT_USER;
          END IF;
        END $$;
        """,
        "GRANT CONNECT ON DATABASE \(database) TO \(role);",
        "ALTER ROLE \(role) PASSWORD \(AdminSession.literal(passwords[role]));",
      ]
    }
    for service in ServiceEntry.all {
      lines += schema(service.schema, owner: service.ownerRole)
      lines += [
        "GRANT USAGE ON SCHEMA \(service.schema) TO \(service.applicationRole);",
        "ALTER ROLE \(service.applicationRole) SET search_path = \(service.schema);",
        "ALTER ROLE \(service.applicationRole) SET statement_timeout = '5s';",
        "ALTER ROLE \(service.applicationRole) SET idle_in_transaction_session_timeout = '10s';",
        "ALTER ROLE \(service.applicationRole) SET lock_timeout = '2s';",
      ]
    }
    lines += schema(Self.simulatorSchema, owner: Self.simulator)
    lines += ["ALTER ROLE \(Self.auditor) SET default_transaction_read_only = on;"]
    return lines.joined(separator: "\n") + "\n"
  }

  private func schema(_ schema: String, owner: String) -> [String] {
    [
      "CREATE SCHEMA IF NOT EXISTS \(schema) AUTHORIZATION \(owner);",
      "ALTER ROLE \(owner) SET search_path = \(schema);",
      "GRANT USAGE ON SCHEMA \(schema) TO \(Self.auditor);",
      "GRANT SELECT ON ALL TABLES IN SCHEMA \(schema) TO \(Self.auditor);",
      "ALTER DEFAULT PRIVILEGES FOR ROLE \(owner) IN SCHEMA \(schema)"
        + " GRANT SELECT ON TABLES TO \(Self.auditor);",
    ]
  }

  private static func identifier(_ name: String) -> String {
    "\"\(name.replacing("\"", with: "\"\""))\""
  }
}

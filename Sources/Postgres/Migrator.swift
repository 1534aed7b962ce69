import EventLoops

/// Brings a schema up to date.
package struct Migrator {
  /// How long a run waits for another one, and a migration for a lock.
  private static let lockTimeout: SQL = "SET lock_timeout = '60s'"
  private static let connectTimeoutSeconds = 10

  private let migrations: [Migration]
  private let schema: String

  /// Applies those of `migrations` that have not been, in order, each in a transaction with its
  /// record in `<schema>.schema_migrations`. Concurrent runs wait for one another.
  ///
  /// The schema is made if it is missing, and is the `search_path` of the migrations.
  ///
  /// - Parameter url: a direct connection (no transaction-pooling proxy) as the schema's owner.
  /// - Returns: the names of those that this run applied.
  /// - Throws: `MigrationError`; the migrations before the failed one stay applied.
  @discardableResult
  package static func run(
    _ migrations: [Migration], schema: String, on url: String
  ) async throws -> [String] {
    let migrator = Migrator(migrations: migrations, schema: schema)
    do {
      let target = try ConnectionTarget(url: url)
      return try await BlockingWork.shared.run { try migrator.run(on: target) }
    } catch let error as PostgresError {
      throw MigrationError.database(error)
    }
  }

  /// The names of those of `migrations` that have not been applied to `schema`.
  ///
  /// - Throws: as `SQLRunner.query`.
  package nonisolated(nonsending) static func pending(
    _ migrations: [Migration], schema: String, in database: some SQLRunner
  ) async throws -> [String] {
    let applied = Set(
      try await database.values(
        "SELECT name FROM \(identifier: schema).schema_migrations", as: String.self))
    return migrations.map(\.name).filter { !applied.contains($0) }
  }

  // MARK: Blocking

  private func run(on target: ConnectionTarget) throws -> [String] {
    try refuseDuplicates()
    let session = try BlockingSession(target, timeout: Self.connectTimeoutSeconds)
    try session.run("SET statement_timeout = 0")
    try session.run(Self.lockTimeout)
    // The session's lock ends with the session, and so with this call.
    try session.run("SELECT pg_advisory_lock(hashtextextended(\("migrations of \(schema)"), 0))")
    try prepare(session)
    let applied = try history(session)
    var names: [String] = []
    for migration in migrations where !applied.contains(migration.name) {
      try apply(migration, in: session)
      names.append(migration.name)
    }
    return names
  }

  private func refuseDuplicates() throws(MigrationError) {
    var names = Set<String>()
    for migration in migrations where !names.insert(migration.name).inserted {
      throw .duplicate(migration.name)
    }
  }

  private func prepare(_ session: borrowing BlockingSession) throws(PostgresError) {
    // CREATE .. IF NOT EXISTS wants the right to create even where there is nothing to do.
    if try session.run("SELECT FROM pg_namespace WHERE nspname = \(schema)").isEmpty {
      try session.run("CREATE SCHEMA \(identifier: schema)")
    }
    try session.run("SET search_path = \(identifier: schema)")
    if try session.run(
      "SELECT FROM pg_tables WHERE schemaname = \(schema) AND tablename = 'schema_migrations'"
    ).isEmpty {
      try session.run(
        """
        CREATE TABLE schema_migrations (
          name text PRIMARY KEY,
          checksum text NOT NULL,
          applied_at timestamptz NOT NULL DEFAULT now()
        )
        """)
    }
  }

  /// The names of the applied migrations.
  ///
  /// - Throws: `MigrationError.changed` or `.missing` if they are not a part of `migrations` as it is.
  private func history(_ session: borrowing BlockingSession) throws -> Set<String> {
    let given = Dictionary(uniqueKeysWithValues: migrations.map { ($0.name, $0) })
    var names = Set<String>()
    for row in try session.run("SELECT name, checksum FROM schema_migrations ORDER BY applied_at") {
      guard let name = row[0] else { continue }
      guard let migration = given[name] else { throw MigrationError.missing(name) }
      guard try row[1] == checksum(of: migration, in: session) else {
        throw MigrationError.changed(name)
      }
      names.insert(name)
    }
    return names
  }

  private func apply(_ migration: Migration, in session: borrowing BlockingSession) throws {
    do {
      try session.run("BEGIN")
      try session.run(SQL(verbatim: migration.sql))
      guard session.isInTransaction else {
        throw PostgresError.invalid("the migration ends the transaction that it runs in")
      }
      let checksum = try checksum(of: migration, in: session)
      try session.run(
        "INSERT INTO \(identifier: schema).schema_migrations (name, checksum) VALUES (\(migration.name), \(checksum))"
      )
      try session.run("COMMIT")
    } catch let error as PostgresError {
      // The session ends with this, and an open transaction with it.
      throw MigrationError.failed(migration.name, error)
    }
  }

  private func checksum(
    of migration: Migration, in session: borrowing BlockingSession
  ) throws(PostgresError) -> String {
    let rows = try session.run(
      "SELECT encode(sha256(convert_to(\(migration.sql), 'UTF8')), 'hex')")
    return rows.first?.first.flatMap(\.self) ?? ""
  }
}

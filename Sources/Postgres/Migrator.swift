/// Brings a schema up to date.
package struct Migrator {
  /// Applies those of `migrations` that have not been, in order, each in a transaction with its
  /// record in `<schema>.schema_migrations`. Concurrent runs wait for one another.
  ///
  /// The schema is made if it is missing, and is the `search_path` of the migrations.
  ///
  /// - Parameter url: a direct connection (no transaction-pooling proxy) as the schema's owner.
  /// - Returns: the names of those that this run applied.
  /// - Throws: `MigrationError`
  @discardableResult
  package static func run(
    _ migrations: [Migration], schema: String, on url: String
  ) async throws -> [String] {
    throw MigrationError.database(.notSent(reason: "no connection"))
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
}

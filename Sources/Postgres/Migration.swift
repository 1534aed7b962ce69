/// One named step in a schema's history. Once applied anywhere, it is never changed.
package struct Migration: Sendable {
  package let name: String
  /// One statement or several, as psql would take them; without BEGIN and COMMIT.
  package let sql: String

  /// - Parameter name: unique in its schema, such as `0001-products`.
  package init(_ name: String, _ sql: String) {
    self.name = name
    self.sql = sql
  }
}

/// Why a schema could not be brought up to date.
package enum MigrationError: Error, Equatable {
  /// Two migrations of this name were given.
  case duplicate(String)
  /// The migration has been applied with another text than it has now.
  case changed(String)
  /// The migration has been applied, and is not among those given.
  case missing(String)
  /// The migration failed and left no effect.
  case failed(String, PostgresError)
  /// The database could not be reached or prepared for migrating.
  case database(PostgresError)
}

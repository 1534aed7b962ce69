import Postgres

/// Empties a schema's tables, as its owner: orders, accounts and events are gone, tables and applied
/// migrations stay. For development; the settings refuse it in production.
func emptySchema(_ schema: String, keeping kept: [String], in database: Database) async throws {
  let kept = kept + ["schema_migrations", "feed_head"]
  try await database.transaction { transaction in
    let tables: [String] = try await transaction.values(
      "SELECT tablename::text FROM pg_tables WHERE schemaname = \(schema)")
    let emptied = tables.filter { !kept.contains($0) }.map { name -> SQL in
      "\(identifier: schema).\(identifier: name)"
    }
    guard !emptied.isEmpty else { return }
    let list = SQL.joined(emptied, separator: ", ")
    // Together, so that foreign keys among them are no obstacle.
    try await transaction.send("TRUNCATE \(list) RESTART IDENTITY")
    try await transaction.send("UPDATE feed_head SET position = 0")
  }
}

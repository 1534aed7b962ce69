import Postgres

/// What the catalogue's list shows of a product and its table has: seven columns, four of them text.
struct BenchProduct {
  static let pageSize = 20

  let id: Int
  let name: String
  let slug: String
  let description: String
  let status: String
  let version: Int
  let createdAt: SQLTimestamp

  static nonisolated(nonsending) func one(_ id: Int, in database: Database) async throws
    -> BenchProduct?
  {
    try await database.first(
      """
      SELECT id, name, slug, description, status, version, created_at FROM products WHERE id = \(id)
      """, BenchProduct.init(row:))
  }

  static nonisolated(nonsending) func page(after id: Int, in database: Database) async throws
    -> [BenchProduct]
  {
    try await database.query(
      """
      SELECT id, name, slug, description, status, version, created_at FROM products
      WHERE id > \(id) ORDER BY id LIMIT 20
      """, BenchProduct.init(row:))
  }

  private init(row: inout Row) throws {
    id = try row.next()
    name = try row.next()
    slug = try row.next()
    description = try row.next()
    status = try row.next()
    version = try row.next()
    createdAt = try row.next()
  }
}

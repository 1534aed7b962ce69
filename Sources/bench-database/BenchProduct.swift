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

  static func one(_ id: Int) -> SQL {
    """
    SELECT id, name, slug, description, status, version, created_at FROM products WHERE id = \(id)
    """
  }

  static func page(after id: Int) -> SQL {
    """
    SELECT id, name, slug, description, status, version, created_at FROM products
    WHERE id > \(id) ORDER BY id LIMIT 20
    """
  }

  init(row: inout Row) throws {
    id = try row.next()
    name = try row.next()
    slug = try row.next()
    description = try row.next()
    status = try row.next()
    version = try row.next()
    createdAt = try row.next()
  }
}

/// The same columns read in place, as the services' lists read theirs: texts are lent, not copied.
struct BenchProductInPlace {
  let id: Int
  /// Of all texts.
  let bytes: Int
  let version: Int
  let createdAt: SQLTimestamp

  init(row: inout Row) throws {
    id = try row.next()
    var bytes = 0
    for _ in 0..<4 { bytes += try row.nextCell().text.count }
    self.bytes = bytes
    version = try row.next()
    createdAt = try row.next()
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// The versions of a page's products: all that is asked of the database for a page that is kept.
///
/// Pages of the whole catalogue that are asked for in one turn of a loop are one statement, at half the price
/// each.
struct PageVersions: Sendable {
  typealias Rows = [(id: Int, row: Int)]

  private struct Key: Hashable {
    let after: Int
    let kind: Kind
  }
  private struct Kind: Hashable {
    let status: Product.Status
    let limit: Int
  }

  private let database: Database
  private let pages: BatchedLookup<Key, Rows>

  init(database: Database) {
    self.database = database
    pages = BatchedLookup(on: database.group) { keys in
      var found = [Rows?](repeating: nil, count: keys.count)
      for (kind, places) in Dictionary(grouping: keys.indices, by: { keys[$0].kind }) {
        let pages = try await Self.pages(after: places.map { keys[$0].after }, kind, in: database)
        for (place, rows) in zip(places, pages) { found[place] = rows }
      }
      return found
    }
  }

  /// The page's products by id, and the one behind them, if there is one.
  func rows(of query: ProductQuery) async throws -> Rows {
    guard query.isUnfiltered else {
      return try await database.query("SELECT p.id, p.xmin FROM products p \(query.rows)") { row in
        (id: try row.next(), row: try row.next())
      }
    }
    let kind = Kind(status: query.status ?? .active, limit: query.page.limit)
    return try await pages.value(for: Key(after: query.afterID, kind: kind)) ?? []
  }

  private static func pages(
    after ids: [Int], _ kind: Kind, in database: Database
  ) async throws -> [Rows] {
    var pages = [Rows](repeating: [], count: ids.count)
    _ = try await database.query(
      """
      SELECT page.number, shown.id, shown.xmin
      FROM unnest(\(ids.padded(with: .max))) WITH ORDINALITY AS page (after, number), LATERAL (
        SELECT p.id, p.xmin FROM products p
        WHERE p.status = \(kind.status.rawValue) AND p.id > page.after
        ORDER BY p.id LIMIT \(constant: kind.limit + 1)
      ) AS shown
      """
    ) { row in
      let number: Int = try row.next()
      pages[number - 1].append((id: try row.next(), row: try row.next()))
    }
    // As they come, unless the server does what it never has.
    for index in pages.indices { pages[index].sort { $0.id < $1.id } }
    return pages
  }
}

extension [Int] {
  /// PostgreSQL plans for arrays of ten, and keeps that plan only if those that come are no shorter.
  func padded(with nothing: Int) -> [Int] {
    self + Array(repeating: nothing, count: Swift.max(0, 10 - count))
  }
}

extension ProductQuery {
  /// This page's rows and the one behind them, of products as `p`.
  var rows: SQL {
    """
    WHERE \(condition) AND p.id > \(afterID)
    ORDER BY p.id LIMIT \(constant: page.limit + 1)
    """
  }

  /// Which products are wanted, as `p`, on all pages.
  var condition: SQL {
    var conditions: [SQL] = ["p.status = \((status ?? .active).rawValue)"]
    if let ids = ids { conditions.append("p.id = ANY(\(ids))") }
    if let slug = slug { conditions.append("p.slug = \(slug)") }
    if !words.isEmpty {
      // The words hold letters and digits only, so this is a plain conjunction of prefixes.
      let pattern = words.map { "\($0):*" }.joined(separator: " & ")
      conditions.append("p.search @@ to_tsquery('simple', \(pattern))")
    }
    if let category = category {
      conditions.append(
        """
        EXISTS (
          SELECT 1 FROM categories root
          JOIN categories c ON c.path = root.path OR c.path LIKE root.path || '/%'
          JOIN product_categories pc ON pc.category_id = c.id AND pc.product_id = p.id
          WHERE root.slug = \(category)
        )
        """)
    }
    return SQL.joined(conditions, separator: " AND ")
  }
}

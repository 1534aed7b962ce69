import Postgres
import ServiceKit
import SharedKernel

/// Which products a page shows: all that is asked of the database for one whose products are kept.
///
/// Pages of the whole catalogue that are asked for in one turn of a loop are one statement, at half the price
/// each.
struct PageIDs: Sendable {
  private struct Key: Hashable {
    let after: Int
    let limit: Int
  }

  private let database: Database
  private let pages: BatchedLookup<Key, [Int]>

  init(database: Database) {
    self.database = database
    pages = BatchedLookup(on: database.group) { keys in
      var found = [[Int]?](repeating: nil, count: keys.count)
      for (limit, places) in Dictionary(grouping: keys.indices, by: { keys[$0].limit }) {
        let pages = try await Self.pages(after: places.map { keys[$0].after }, limit, in: database)
        for (place, rows) in zip(places, pages) { found[place] = rows }
      }
      return found
    }
  }

  /// The page's products, in order, and the one behind them, if there is one.
  ///
  /// - Parameter query: for what everybody may see.
  func ids(of query: ProductQuery) async throws -> [Int] {
    guard query.isUnfiltered else {
      return try await database.values("SELECT p.id FROM products p \(query.rows)")
    }
    return try await pages.value(for: Key(after: query.afterID, limit: query.page.limit)) ?? []
  }

  private static func pages(
    after ids: [Int], _ limit: Int, in database: Database
  ) async throws -> [[Int]] {
    var pages = [[Int]](repeating: [], count: ids.count)
    // As `tenOrMore`, but with pages that are empty.
    let asked = ids + Array(repeating: .max, count: max(0, 10 - ids.count))
    _ = try await database.query(
      """
      SELECT page.number, ARRAY(
        SELECT p.id FROM products p
        WHERE p.status = 'active' AND p.id > page.after
        ORDER BY p.id LIMIT \(constant: limit + 1)
      )
      FROM unnest(\(asked)) WITH ORDINALITY AS page (after, number)
      """
    ) { row in
      let number: Int = try row.next()
      if number <= pages.count { pages[number - 1] = try row.next() }
    }
    return pages
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

import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel

/// The catalogue as it is answered: rows become JSON with nothing in between. A product's members are those
/// of `ProductView`, byte for byte; a property test holds the two together.
struct CatalogueRepository: Catalogue {
  private let database: Database
  private let entries: BatchedLookup<EntryKey, CatalogueEntry>

  /// Who looks at what.
  private struct View: Hashable {
    let currency: Currency
    let hiddenToo: Bool
  }
  private struct EntryKey: Hashable {
    let id: Int
    let view: View
  }

  init(database: Database) {
    self.database = database
    entries = database.batchedLookup { keys in
      var found: [EntryKey: CatalogueEntry] = [:]
      for (view, keys) in Dictionary(grouping: keys, by: \.view) {
        for (id, entry) in try await Self.entries(keys.map(\.id), view, in: database) {
          found[EntryKey(id: id, view: view)] = entry
        }
      }
      return found
    }
  }

  /// What `JSONWriter.product` reads, of products as `p`.
  private static func columns(_ currency: Currency) -> SQL {
    """
    p.id, p.name, p.price_amounts[array_position(p.price_currencies, \(currency.code))],
    p.slug, p.sku, p.description, p.status, p.categories, p.attributes, p.images, p.in_stock,
    p.variant_count, p.version, p.created_at, p.updated_at
    """
  }

  func page(_ query: ProductQuery) async throws -> CataloguePage {
    let limit = query.page.limit
    var json = JSONWriter(capacity: limit * 512)
    var rows = 0
    var last = 0
    json.beginArray()
    _ = try await database.query(
      """
      SELECT \(Self.columns(query.currency)) FROM products p
      WHERE \(query.condition) AND p.id > \(query.afterID)
      ORDER BY p.id LIMIT \(constant: limit + 1)
      """
    ) { row in
      rows += 1
      // The row too many only proves that there are more.
      guard rows <= limit else { return }
      last = try json.product(&row, query.currency).id
      json.endObject()
    }
    json.endArray()
    return CataloguePage(
      json: json.bytes, next: rows > limit ? Cursor([String(last)]) : nil,
      total: query.page.wantsTotal ? try await count(query) : nil)
  }

  private func count(_ query: ProductQuery) async throws -> Int {
    try await database.value("SELECT count(*) FROM products p WHERE \(query.condition)") ?? 0
  }

  func product(_ id: Int, currency: Currency, hiddenToo: Bool) async throws -> CatalogueEntry? {
    try await entries.value(
      for: EntryKey(id: id, view: View(currency: currency, hiddenToo: hiddenToo)))
  }

  private static func entries(
    _ ids: [Int], _ view: View, in database: Database
  ) async throws -> [Int: CatalogueEntry] {
    var entries: [Int: CatalogueEntry] = [:]
    var json = JSONWriter(capacity: 1024)
    var open: (id: Int, version: Int, stock: Int)?
    func close() {
      guard let product = open else { return }
      json.endArray()
      json.endObject()
      entries[product.id] = CatalogueEntry(
        json: json.bytes, version: product.version, stockVersion: product.stock)
      json.removeAll()
    }
    // PostgreSQL plans for arrays of ten, and keeps that plan only if those that come are no shorter.
    let padding = Array(repeating: ids[0], count: max(0, 10 - ids.count))
    let hidden: SQL = view.hiddenToo ? "true" : "p.status = 'active'"
    // One statement, and so one moment: the tag is never newer than what it stands for.
    _ = try await database.query(
      """
      SELECT \(columns(view.currency)), v.id, v.sku, v.name, v.options, price.amount,
        s.on_hand - s.reserved, v.status, v.version, s.version
      FROM products p
      LEFT JOIN (variants v JOIN stock s ON s.variant_id = v.id)
        ON v.product_id = p.id AND v.status = 'active'
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(view.currency.code)
      WHERE p.id = ANY(\(ids + padding)) AND \(hidden) ORDER BY p.id, v.id
      """
    ) { row in
      let id: Int = try row.value(at: 0)
      if id == open?.id {
        row.skip(columnCount)
      } else {
        close()
        open = (id, try json.product(&row, view.currency).version, 0)
        json.member("variants")
        json.beginArray()
      }
      if let variant: Int = try row.next() {
        open?.stock += try json.variant(&row, variant, view.currency)
      }
    }
    close()
    return entries
  }

  /// Of `columns`.
  private static let columnCount = 15
}

extension ProductQuery {
  /// Which products are wanted, as `p`, on all pages.
  fileprivate var condition: SQL {
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

extension JSONWriter {
  /// Writes a product, up to where its object ends or `variants` comes.
  fileprivate mutating func product(
    _ row: inout Row, _ currency: Currency
  ) throws -> (id: Int, version: Int) {
    let id: Int = try row.next()
    beginObject()
    member("id")
    integer(id)
    member("name")
    try textColumn(&row)
    if let price = try Money(nextOf: &row, currency) {
      member("price")
      literal(price.decimalText)
      member("money")
      money(price)
    }
    member("slug")
    try textColumn(&row)
    member("sku")
    try textColumn(&row)
    member("description")
    try textColumn(&row)
    member("status")
    try textColumn(&row)
    member("categories")
    try textsColumn(&row)
    member("attributes")
    try jsonColumn(&row)
    member("images")
    try jsonColumn(&row)
    member("inStock")
    try boolColumn(&row)
    member("variantCount")
    try integerColumn(&row)
    member("version")
    let version: Int = try row.next()
    integer(version)
    member("createdAt")
    try timeColumn(&row)
    member("updatedAt")
    try timeColumn(&row)
    return (id, version)
  }

  /// Writes a variant, whose id has been read.
  ///
  /// - Returns: the version of its stock.
  fileprivate mutating func variant(
    _ row: inout Row, _ id: Int, _ currency: Currency
  ) throws -> Int {
    beginObject()
    member("id")
    integer(id)
    member("sku")
    try textColumn(&row)
    member("name")
    try textColumn(&row)
    member("options")
    try jsonColumn(&row)
    if let price = try Money(nextOf: &row, currency) {
      member("money")
      money(price)
    }
    member("available")
    try integerColumn(&row)
    member("status")
    try textColumn(&row)
    member("version")
    try integerColumn(&row)
    endObject()
    return try row.next()
  }
}

extension Money {
  /// The amount in the row's next column; nil if there is none in that currency.
  fileprivate init?(nextOf row: inout Row, _ currency: Currency) throws {
    guard let amount: Int = try row.next() else { return nil }
    try self.init(minorUnits: Int64(amount), currency: currency)
  }
}

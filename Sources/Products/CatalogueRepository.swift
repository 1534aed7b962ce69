import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel

/// The catalogue as it is answered: rows become JSON with nothing in between. A product's members are those
/// of `ProductView`, byte for byte; a property test holds the two together.
struct CatalogueRepository: Catalogue {
  let runner: any SQLRunner

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
    _ = try await runner.query(
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
    try await runner.value("SELECT count(*) FROM products p WHERE \(query.condition)") ?? 0
  }

  func product(_ id: Int, currency: Currency, hiddenToo: Bool) async throws -> CatalogueEntry? {
    var json = JSONWriter(capacity: 1024)
    var version: Int?
    var stock = 0
    let hidden: SQL = hiddenToo ? "true" : "p.status = 'active'"
    // One statement, and so one moment: the tag is never newer than what it stands for.
    _ = try await runner.query(
      """
      SELECT \(Self.columns(currency)), v.id, v.sku, v.name, v.options, price.amount,
        s.on_hand - s.reserved, v.status, v.version, s.version
      FROM products p
      LEFT JOIN (variants v JOIN stock s ON s.variant_id = v.id)
        ON v.product_id = p.id AND v.status = 'active'
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(currency.code)
      WHERE p.id = \(id) AND \(hidden) ORDER BY v.id
      """
    ) { row in
      if version == nil {
        version = try json.product(&row, currency).version
        json.member("variants")
        json.beginArray()
      } else {
        row.skip(Self.columnCount)
      }
      if let id: Int = try row.next() { stock += try json.variant(&row, id, currency) }
    }
    guard let version else { return nil }
    json.endArray()
    json.endObject()
    return CatalogueEntry(json: json.bytes, version: version, stockVersion: stock)
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

import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel

/// The catalogue as it is answered: rows become JSON with nothing in between, and JSON is kept for as long as
/// its rows are the same. A product's members are those of `ProductView`, byte for byte; a property test
/// holds the two together.
struct CatalogueRepository: Catalogue {
  private let database: Database
  private let cache: CatalogueCache?
  private let versions: PageVersions
  private let entries: BatchedLookup<EntryKey, CatalogueEntry>

  /// Who looks at what.
  private struct Look: Hashable {
    let currency: Currency
    let hiddenToo: Bool
  }
  private struct EntryKey: Hashable {
    let id: Int
    let look: Look

    // Nearly everybody looks at the same.
    func hash(into hasher: inout Hasher) { hasher.combine(id) }
  }

  /// - Parameter cache: nil keeps nothing.
  init(database: Database, cache: CatalogueCache?) {
    self.database = database
    self.cache = cache
    versions = PageVersions(database: database)
    entries = BatchedLookup(on: database.group) { keys in
      var found = [CatalogueEntry?](repeating: nil, count: keys.count)
      for (look, places) in Dictionary(grouping: keys.indices, by: { keys[$0].look }) {
        let entries = try await Self.entries(places.map { keys[$0].id }, look, in: database, cache)
        for (place, entry) in zip(places, entries) { found[place] = entry }
      }
      return found
    }
  }

  // MARK: Pages

  func page(_ query: ProductQuery) async throws -> CataloguePage {
    let total = query.page.wantsTotal ? try await count(query) : nil
    var page: CataloguePage
    if let kept = try await keptPage(query) {
      page = kept
    } else {
      page = try await madePage(query)
    }
    page.total = total
    return page
  }

  private func count(_ query: ProductQuery) async throws -> Int {
    try await database.value("SELECT count(*) FROM products p WHERE \(query.condition)") ?? 0
  }

  /// From JSON that is there, if it is for every product.
  private func keptPage(_ query: ProductQuery) async throws -> CataloguePage? {
    guard let cache else { return nil }
    let rows = try await versions.rows(of: query)
    // The row too many only proves that there are more.
    let shown = rows.prefix(query.page.limit)
    return cache.page(shown, CatalogueCache.View(currency: query.currency.code)).map { json in
      CataloguePage(json: json, next: next(shown.last?.id, isLast: rows.count == shown.count))
    }
  }

  private func madePage(_ query: ProductQuery) async throws -> CataloguePage {
    let limit = query.page.limit
    var json = JSONWriter(capacity: limit * 512)
    var rows = 0
    var last: Int?
    var made: [(id: Int, item: CatalogueCache.Item)] = []
    json.beginArray()
    _ = try await database.query(
      "SELECT \(Self.columns(query.currency)) FROM products p \(query.rows)"
    ) { row in
      rows += 1
      guard rows <= limit else { return }
      let start = json.count + (rows > 1 ? 1 : 0)
      let product = try json.product(&row, query.currency)
      json.endObject()
      last = product.id
      made.append(
        (product.id, CatalogueCache.Item(row: product.row, json: json.bytes(from: start))))
    }
    json.endArray()
    cache?.keep(made, CatalogueCache.View(currency: query.currency.code))
    return CataloguePage(json: json.bytes, next: next(last, isLast: rows <= limit))
  }

  private func next(_ last: Int?, isLast: Bool) -> Cursor? {
    isLast ? nil : last.map { Cursor([String($0)]) }
  }

  /// What `JSONWriter.product` reads, of products as `p`.
  private static func columns(_ currency: Currency) -> SQL {
    """
    p.id, p.name, p.price_amounts[array_position(p.price_currencies, \(currency.code))],
    p.slug, p.sku, p.description, p.status, p.categories, p.attributes, p.images, p.in_stock,
    p.variant_count, p.version, p.created_at, p.updated_at, p.xmin
    """
  }

  /// Of `columns`.
  private static let columnCount = 16

  // MARK: Single products

  nonisolated(nonsending) func product(
    _ id: Int, currency: Currency, hiddenToo: Bool
  ) async throws -> CatalogueEntry? {
    try await entries.value(
      for: EntryKey(id: id, look: Look(currency: currency, hiddenToo: hiddenToo)))
  }

  /// In the order of `ids`.
  private static func entries(
    _ ids: [Int], _ look: Look, in database: Database, _ cache: CatalogueCache?
  ) async throws -> [CatalogueEntry?] {
    let view = CatalogueCache.View(currency: look.currency.code)
    var entries = [CatalogueEntry?](repeating: nil, count: ids.count)
    if let cache {
      try await confirm(cache.wholes(ids, view), of: ids, as: &entries, in: database)
    }
    let others = ids.indices.filter { entries[$0] == nil }
    if others.isEmpty { return entries }
    let made = try await wholes(others.map { ids[$0] }, look, in: database)
    // What only staff may see would be found by everybody.
    if !look.hiddenToo { cache?.keep(made, view) }
    for place in others { entries[place] = made[ids[place]]?.entry }
    return entries
  }

  /// Takes those whose rows are still the same: the product's, and all its variants' stock.
  ///
  /// - Parameters:
  ///   - kept: in the order of `ids`.
  ///   - entries: likewise.
  private static func confirm(
    _ kept: [CatalogueCache.Whole?], of ids: [Int], as entries: inout [CatalogueEntry?],
    in database: Database
  ) async throws {
    var products: [Int] = []
    var variants: [Int] = []
    var shown: [(place: Int, row: Int, stock: Int)] = []
    for (place, whole) in kept.enumerated() {
      guard let whole else { continue }
      for stock in whole.stock {
        products.append(ids[place])
        variants.append(stock.variant)
        shown.append((place, whole.row, stock.row))
      }
    }
    if shown.isEmpty { return }
    var same = [Int](repeating: 0, count: ids.count)
    _ = try await database.query(
      """
      SELECT shown.number, p.xmin, s.xmin
      FROM unnest(\(products.padded(with: 0)), \(variants.padded(with: 0)))
        WITH ORDINALITY AS shown (product, variant, number)
      JOIN products p ON p.id = shown.product JOIN stock s ON s.variant_id = shown.variant
      """
    ) { row in
      let (place, version, stock) = shown[try row.next(as: Int.self) - 1]
      let (presentVersion, presentStock): (Int, Int) = (try row.next(), try row.next())
      if presentVersion == version, presentStock == stock { same[place] += 1 }
    }
    for (place, whole) in kept.enumerated() {
      guard let whole, !whole.stock.isEmpty, same[place] == whole.stock.count else { continue }
      entries[place] = whole.entry
    }
  }

  private static func wholes(
    _ ids: [Int], _ look: Look, in database: Database
  ) async throws -> [Int: CatalogueCache.Whole] {
    let currency = look.currency
    var made: [Int: CatalogueCache.Whole] = [:]
    var json = JSONWriter(capacity: 1024)
    var open: (id: Int, version: Int, row: Int)?
    var stock: [CatalogueCache.Stock] = []
    var stockVersion = 0
    func close() {
      guard let product = open else { return }
      json.endArray()
      json.endObject()
      made[product.id] = CatalogueCache.Whole(
        row: product.row, stock: stock,
        entry: CatalogueEntry(
          json: json.bytes, version: product.version, stockVersion: stockVersion))
      json.removeAll()
      stock.removeAll()
      stockVersion = 0
    }
    let hidden: SQL = look.hiddenToo ? "true" : "p.status = 'active'"
    // One statement, and so one moment: the tag is never newer than what it stands for.
    _ = try await database.query(
      """
      SELECT \(columns(currency)), v.id, v.sku, v.name, v.options, price.amount,
        s.on_hand - s.reserved, v.status, v.version, s.version, s.xmin
      FROM products p
      LEFT JOIN (variants v JOIN stock s ON s.variant_id = v.id)
        ON v.product_id = p.id AND v.status = 'active'
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(currency.code)
      WHERE p.id = ANY(\(ids.tenOrMore)) AND \(hidden) ORDER BY p.id, v.id
      """
    ) { row in
      let id: Int = try row.value(at: 0)
      if id == open?.id {
        row.skip(columnCount)
      } else {
        close()
        open = try json.product(&row, currency)
        json.member("variants")
        json.beginArray()
      }
      if let variant: Int = try row.next() {
        stockVersion += try json.variant(&row, variant, currency)
        stock.append(CatalogueCache.Stock(variant: variant, row: try row.next()))
      }
    }
    close()
    return made
  }
}

extension JSONWriter {
  /// Writes a product, up to where its object ends or `variants` comes.
  fileprivate mutating func product(
    _ row: inout Row, _ currency: Currency
  ) throws -> (id: Int, version: Int, row: Int) {
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
    return (id, version, try row.next())
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

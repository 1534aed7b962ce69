import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel

/// The catalogue as it is answered: rows become JSON with nothing in between, and JSON is kept until its rows
/// have changed. A product's members are those of `ProductView`, byte for byte; a property test
/// holds the two together.
struct CatalogueRepository: Catalogue {
  private let database: Database
  private let cache: CatalogueCache?
  private let changes: CatalogueChanges?
  private let pages: PageIDs
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
    changes = cache.map { CatalogueChanges(database: database, cache: $0) }
    pages = PageIDs(database: database)
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
    guard let cache, let changes, query.isForEverybody else { return nil }
    let ids = try await pages.ids(of: query)
    // Afterwards: what was hidden, or shown, between the two is read anew.
    guard try await changes.areApplied() else { return nil }
    // The one too many only proves that there are more.
    let shown = ids.prefix(query.page.limit)
    return cache.page(shown, CatalogueCache.View(currency: query.currency.code)).map { json in
      CataloguePage(json: json, next: next(shown.last, isLast: ids.count == shown.count))
    }
  }

  private func madePage(_ query: ProductQuery) async throws -> CataloguePage {
    let limit = query.page.limit
    var json = JSONWriter(capacity: limit * 512)
    var rows = 0
    var last: Int?
    var made: [(id: Int, json: [UInt8])] = []
    var mark = query.isForEverybody ? cache?.mark : nil
    json.beginArray()
    _ = try await database.query(
      """
      SELECT pg_is_in_recovery(), \(Self.columns(query.currency)) FROM products p \(query.rows)
      """
    ) { row in
      // A standby may be behind what is told of changes elsewhere.
      if try row.next() { mark = nil }
      rows += 1
      guard rows <= limit else { return }
      let start = json.count + (rows > 1 ? 1 : 0)
      let product = try json.product(&row, query.currency)
      json.endObject()
      last = product.id
      if mark != nil { made.append((product.id, json.bytes(from: start))) }
    }
    json.endArray()
    if let mark {
      cache?.keep(made, CatalogueCache.View(currency: query.currency.code), since: mark)
    }
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
    p.variant_count, p.version, p.created_at, p.updated_at
    """
  }

  /// Of `columns`.
  private static let columnCount = 15

  // MARK: Single products

  nonisolated(nonsending) func product(
    _ id: Int, currency: Currency, hiddenToo: Bool
  ) async throws -> CatalogueEntry? {
    if let cache, let changes, try await changes.areApplied(),
      let kept = cache.whole(id, CatalogueCache.View(currency: currency.code))
    {
      return kept
    }
    return try await entries.value(
      for: EntryKey(id: id, look: Look(currency: currency, hiddenToo: hiddenToo)))
  }

  /// In the order of `ids`.
  private static func entries(
    _ ids: [Int], _ look: Look, in database: Database, _ cache: CatalogueCache?
  ) async throws -> [CatalogueEntry?] {
    // What only staff may see would be found by everybody.
    let mark = look.hiddenToo ? nil : cache?.mark
    let (made, isOfStandby) = try await wholes(ids, look, in: database)
    // A standby may be behind what is told of changes elsewhere.
    if let mark, !isOfStandby {
      cache?.keep(made, CatalogueCache.View(currency: look.currency.code), since: mark)
    }
    return ids.map { made[$0] }
  }

  private static func wholes(
    _ ids: [Int], _ look: Look, in database: Database
  ) async throws -> (made: [Int: CatalogueEntry], isOfStandby: Bool) {
    let currency = look.currency
    var isOfStandby = false
    var made: [Int: CatalogueEntry] = [:]
    var json = JSONWriter(capacity: 1024)
    var open: (id: Int, version: Int)?
    var stockVersion = 0
    func close() {
      guard let product = open else { return }
      json.endArray()
      json.endObject()
      made[product.id] = CatalogueEntry(
        json: json.bytes, version: product.version, stockVersion: stockVersion)
      json.removeAll()
      stockVersion = 0
    }
    let hidden: SQL = look.hiddenToo ? "true" : "p.status = 'active'"
    // One statement, and so one moment: the tag is never newer than what it stands for.
    _ = try await database.query(
      """
      SELECT pg_is_in_recovery(), \(columns(currency)), v.id, v.sku, v.name, v.options, price.amount,
        s.on_hand - s.reserved, v.status, v.version, s.version
      FROM products p
      LEFT JOIN (variants v JOIN stock s ON s.variant_id = v.id)
        ON v.product_id = p.id AND v.status = 'active'
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(currency.code)
      WHERE p.id = ANY(\(ids.tenOrMore)) AND \(hidden) ORDER BY p.id, v.id
      """
    ) { row in
      isOfStandby = try row.next()
      let id: Int = try row.value(at: 1)
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
      }
    }
    close()
    return (made, isOfStandby)
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

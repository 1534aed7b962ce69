import HTTPMessages
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Products

@Suite("The catalogue's answers", .timeLimit(.minutes(5)))
struct CatalogueRepositoryTests {
  private static let currencies = [Currency.usd, .jpy, .eur]

  @Test("rows become the very bytes that their encoded values are", arguments: 1...8)
  func sameAsEncoded(seed: UInt64) async throws {
    let bench = try await ProductsBench()
    var random = Seeded(state: seed)
    var shop = RandomShop(database: bench.database)
    for _ in 0..<25 { try await shop.addProduct(&random) }
    let store = ProductRepository(runner: bench.database, outbox: Outbox(signal: FeedSignal()))
    for currency in Self.currencies {
      var views: [[UInt8]] = []
      for id in shop.ids {
        let product = try #require(try await store.product(id, currency: currency))
        let view = try JSONEncoding.encode(ProductView(product))
        views.append(view)
        let variants = try JSONEncoding.encode(try await variants(of: id, currency, bench.database))
        let expected = view.dropLast() + Array(#","variants":"#.utf8) + variants + [view.last!]
        let shown = try await bench.send(.get, "/products/\(id)?currency=\(currency)")
        #expect(text(shown.body) == text(expected), "seed \(seed)")
      }
      let list = try await bench.send(.get, "/products?limit=100&currency=\(currency)")
      let expected = "[" + views.map(text).joined(separator: ",") + "]"
      #expect(text(list.body) == expected, "seed \(seed)")
    }
  }

  @Test("products that are asked for together are each shown as they are alone")
  func together() async throws {
    let bench = try await ProductsBench()
    var random = Seeded(state: 9)
    var shop = RandomShop(database: bench.database)
    for _ in 0..<15 { try await shop.addProduct(&random) }
    // Between two variants of one product stand those of all others.
    for round in 0..<2 {
      for id in shop.ids.reversed() {
        try await bench.database.execute(
          """
          WITH made AS (
            INSERT INTO variants (product_id, sku, name, options, status)
            VALUES (\(id), \("more-\(round)-\(id)"), 'more', \(JSONText(#"{"round":"\#(round)"}"#)),
              'active') RETURNING id
          )
          INSERT INTO stock (variant_id, on_hand) SELECT id, 3 FROM made
          """)
      }
    }
    let catalogue = CatalogueRepository(database: bench.database, cache: nil)
    var alone: [String] = []
    for id in shop.ids {
      let entry = try await catalogue.product(id, currency: .usd, hiddenToo: false)
      alone.append(text(try #require(entry).json))
    }
    let loop = try #require(ProductsBench.loops.loops.first)
    let ids = shop.ids
    let asked = await Task(executorPreference: loop) {
      ids.map { id in
        Task(executorPreference: loop) {
          try await catalogue.product(id, currency: .usd, hiddenToo: id % 2 == 0)
        }
      }
    }.value
    var together: [String] = []
    for task in asked { together.append(text(try #require(try await task.value).json)) }
    #expect(together == alone)
  }

  @Test("what is kept is shown while it is true and no longer, whatever changes", arguments: 1...4)
  func kept(seed: UInt64) async throws {
    let bench = try await ProductsBench()
    var random = Seeded(state: seed)
    var shop = RandomShop(database: bench.database)
    for _ in 0..<12 { try await shop.addProduct(&random) }
    let plain = CatalogueRepository(database: bench.database, cache: nil)
    let keeping = CatalogueRepository(
      database: bench.database, cache: CatalogueCache(bytesMax: 1 << 20))
    for _ in 0..<40 {
      try await shop.changeSomething(&random)
      for currency in [Currency.usd, .jpy] {
        // The second time from what the first has left.
        for _ in 0..<2 {
          #expect(
            try await pages(of: keeping, currency) == pages(of: plain, currency),
            "after \(shop.lastChange)")
          #expect(
            try await products(shop.ids, of: keeping, currency)
              == products(shop.ids, of: plain, currency), "after \(shop.lastChange)")
        }
      }
    }
  }

  @Test("rows of which no change is told are not read again")
  func keptBytes() async throws {
    let bench = try await ProductsBench()
    try await bench.make("First", #","initialStock":5"#)
    let keeping = CatalogueRepository(
      database: bench.database, cache: CatalogueCache(bytesMax: 1 << 20))
    func shown() async throws -> [String] {
      try await pages(of: keeping, .usd) + products([1], of: keeping, .usd)
    }
    let first = try await shown()
    // Without the triggers nobody hears of a change.
    let admin = try await bench.asOwner()
    try await admin.execute("ALTER TABLE variants DISABLE TRIGGER USER")
    try await admin.execute("UPDATE variants SET name = 'Second'")
    #expect(try await shown() == first)
    try await admin.execute("ALTER TABLE variants ENABLE TRIGGER USER")
    try await admin.execute("UPDATE variants SET name = 'Third'")
    #expect(try await shown().last?.contains(#""name":"Third""#) == true)
    await admin.close()
  }

  @Test("a product that staff have looked at stays hidden from others")
  func keptHidden() async throws {
    let bench = try await ProductsBench()
    let product = try await bench.make("Draft", #","status":"draft""#)
    for _ in 0..<2 {
      #expect(try await bench.send(.get, "/products/\(product.id)", as: "staff").status == .ok)
      let list = try await bench.send(.get, "/products?status=draft", as: "staff")
      #expect(text(list.body).contains(#""name":"Draft""#))
      #expect(try await bench.send(.get, "/products/\(product.id)").status == .notFound)
      #expect(try await text(bench.send(.get, "/products").body) == "[]")
    }
  }

  private func pages(of catalogue: CatalogueRepository, _ currency: Currency) async throws
    -> [String]
  {
    var pages: [String] = []
    var after: Cursor?
    repeat {
      let query = try ProductQuery(
        text: nil, category: nil, ids: nil, slug: nil, currency: currency, status: nil,
        page: PageRequest(limit: 5, after: after))
      let page = try await catalogue.page(query)
      pages.append(text(page.json))
      after = page.next
    } while after != nil
    return pages
  }

  private func products(
    _ ids: [Int], of catalogue: CatalogueRepository, _ currency: Currency
  ) async throws -> [String] {
    var products: [String] = []
    for id in ids {
      let entry = try await catalogue.product(id, currency: currency, hiddenToo: false)
      products.append(
        entry.map { "\(text($0.json)) \($0.version) \($0.stockVersion)" } ?? "none")
    }
    return products
  }

  @Test("of two changes at once, a product's row mirrors both")
  func mirrorsInTurn() async throws {
    let bench = try await ProductsBench()
    let product = try await bench.make("Thing", #","initialStock":5"#)
    let database = bench.database
    let second = try await database.transaction { transaction in
      try await transaction.execute("UPDATE variant_prices SET amount = 7777")
      let second = Task { try await database.execute("UPDATE stock SET reserved = on_hand") }
      // Until the second waits for the first.
      while try await database.value(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        """) != 1
      {
        try await Task.sleep(for: .milliseconds(5))
      }
      return second
    }
    _ = try await second.value
    let shown = try await bench.send(.get, "/products").decoded(as: [ProductBody].self)
    #expect(shown.map(\.money?.minorUnits) == [7777])
    #expect(shown.map(\.inStock) == [false])
    #expect(shown.map(\.id) == [product.id])
  }

  @Test("a product's row mirrors its variants, prices, categories and stock, whatever changed")
  func mirrors() async throws {
    let bench = try await ProductsBench()
    var random = Seeded(state: 7)
    var shop = RandomShop(database: bench.database)
    for _ in 0..<10 { try await shop.addProduct(&random) }
    for _ in 0..<60 {
      try await shop.changeSomething(&random)
      let untrue = try await bench.database.values(
        """
        SELECT p.id FROM products p WHERE (
          p.sku, p.price_currencies, p.price_amounts, p.categories, p.in_stock, p.variant_count
        ) IS DISTINCT FROM (
          (SELECT v.sku FROM variants v WHERE v.id = p.default_variant_id),
          ARRAY(SELECT currency FROM variant_prices WHERE variant_id = p.default_variant_id ORDER BY 1),
          ARRAY(SELECT amount FROM variant_prices WHERE variant_id = p.default_variant_id
            ORDER BY currency),
          ARRAY(SELECT c.slug FROM product_categories pc JOIN categories c ON c.id = pc.category_id
            WHERE pc.product_id = p.id ORDER BY c.path),
          coalesce((SELECT bool_or(s.on_hand > s.reserved) FROM variants v JOIN stock s
            ON s.variant_id = v.id WHERE v.product_id = p.id AND v.status = 'active'), false),
          (SELECT count(*)::int FROM variants v WHERE v.product_id = p.id AND v.status = 'active')
        )
        """, as: Int.self)
      #expect(untrue.isEmpty, "after \(shop.lastChange)")
    }
  }

  private struct VariantBody: Encodable {
    let id: Int
    let sku: String
    let name: String
    let options: StoredMembers
    let money: Money?
    let available: Int
    let status: String
    let version: Int
  }

  private func variants(
    of id: Int, _ currency: Currency, _ database: Database
  ) async throws -> [VariantBody] {
    try await database.query(
      """
      SELECT v.id, v.sku, v.name, v.options, price.amount, s.on_hand - s.reserved, v.status, v.version
      FROM variants v JOIN stock s ON s.variant_id = v.id
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(currency.code)
      WHERE v.product_id = \(id) AND v.status = 'active' ORDER BY v.id
      """
    ) { row in
      VariantBody(
        id: try row.next(), sku: try row.next(), name: try row.next(),
        options: StoredMembers(
          try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))),
        money: try row.next(as: Int64?.self).map { try Money(minorUnits: $0, currency: currency) },
        available: try row.next(), status: try row.next(), version: try row.next())
    }
  }

  private func text(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}

/// Products of every kind, made and changed at random beneath the application.
private struct RandomShop {
  let database: Database
  private(set) var ids: [Int] = []
  private(set) var lastChange = ""

  init(database: Database) {
    self.database = database
  }

  mutating func addProduct(_ random: inout Seeded) async throws {
    let number = ids.count + 1
    let id: Int? = try await database.value(
      """
      INSERT INTO products (name, slug, description, status, attributes, images, created_at)
      VALUES (\(random.text(1...20)), \("slug-\(number)"), \(random.text(0...60)), 'active',
        \(try random.members()), \(try JSONText(JSONEncoding.encode(random.texts(0...3)))),
        timestamptz '1999-12-31 23:59:59.9995Z' + \(random.number(0...2_000_000_000)) * interval '1 s')
      RETURNING id
      """)
    guard let id else { throw PostgresError.invalid("nothing was inserted") }
    ids.append(id)
    for position in 0..<random.number(1...3) {
      let variant: Int? = try await database.value(
        """
        INSERT INTO variants (product_id, sku, name, options, status, version)
        VALUES (\(id), \("S\(number)-\(position)"), \(random.text(1...9)),
          \(try random.members(besides: position)), \(random.pick(["active", "archived"])),
          \(random.number(1...9))) RETURNING id
        """)
      for currency in ["USD", "JPY", "EUR"] where random.number(0...2) > 0 {
        try await database.execute(
          """
          INSERT INTO variant_prices
          VALUES (\(variant), \(currency), \(random.pick([1, 5, 10, 99, 100, 12_345, 1_000_000_000_000])))
          """)
      }
      try await database.execute(
        "INSERT INTO stock (variant_id, on_hand, reserved) VALUES (\(variant), \(random.number(3...4)), 3)"
      )
      if position == 0 {
        try await database.execute(
          "UPDATE products SET default_variant_id = \(variant) WHERE id = \(id)")
      }
    }
    for slug in Set(["a\(random.number(1...4))", "b\(random.number(1...4))"]) {
      try await database.execute(
        "INSERT INTO categories (slug, path, name) VALUES (\(slug), \(slug), 'c') ON CONFLICT DO NOTHING"
      )
      try await database.execute(
        "INSERT INTO product_categories SELECT \(id), id FROM categories WHERE slug = \(slug)")
    }
  }

  private static let changes: [@Sendable (Int) -> SQL] = [
    { "UPDATE stock SET reserved = on_hand WHERE variant_id % 3 = \($0)" },
    { "UPDATE stock SET reserved = 0 WHERE variant_id % 3 = \($0)" },
    { "UPDATE stock SET on_hand = on_hand + 1 WHERE variant_id % 3 = \($0)" },
    { "UPDATE variants SET status = 'archived' WHERE id % 4 = \($0)" },
    { "UPDATE variants SET status = 'active', sku = sku || 'x' WHERE id % 4 = \($0)" },
    { "DELETE FROM variant_prices WHERE currency = 'EUR' AND variant_id % 3 = \($0)" },
    { "UPDATE variant_prices SET amount = amount % 1000 + 1 WHERE variant_id % 3 = \($0)" },
    { "UPDATE categories SET slug = slug || '-', path = path || '-' WHERE id % 3 = \($0)" },
    { "DELETE FROM product_categories WHERE product_id % 5 = \($0)" },
    {
      """
      INSERT INTO product_categories SELECT p.id, c.id FROM products p, categories c
      WHERE (p.id + c.id) % 5 = \($0) ON CONFLICT DO NOTHING
      """
    },
    {
      """
      UPDATE products p SET default_variant_id =
        (SELECT max(v.id) FROM variants v WHERE v.product_id = p.id)
      WHERE p.id % 3 = \($0)
      """
    },
  ]

  mutating func changeSomething(_ random: inout Seeded) async throws {
    let position = random.number(0...Self.changes.count - 1)
    let rest = random.number(0...2)
    lastChange = "change \(position) of rest \(rest)"
    try await database.execute(Self.changes[position](rest))
  }
}

/// SplitMix64, so that a failing run can be repeated by its seed.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }
  mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }

  /// Letters, and what JSON escapes or what takes several bytes.
  mutating func text(_ length: ClosedRange<Int>) -> String {
    let pieces = [
      "a", "b", "Z", "7", " ", "\"", "\\", "/", "\n", "\r", "\t", "\u{8}", "\u{c}", "\u{1}",
      "\u{1f}",
      "\u{7f}", "é", "ß", "漢", "👩‍👩‍👧", "\u{2028}", "<", "&", "'",
    ]
    return (0..<number(length)).map { _ in pick(pieces) }.joined()
  }

  mutating func texts(_ count: ClosedRange<Int>) -> [String] {
    (0..<number(count)).map { _ in text(0...8) }
  }

  /// An object of texts.
  ///
  /// - Parameter position: makes it another object than those of other positions.
  mutating func members(besides position: Int? = nil) throws -> JSONText {
    var members: [String: String] = [:]
    for name in texts(0...4) { members[name] = text(0...6) }
    if let position { members["position"] = "\(position)" }
    return try JSONText(JSONEncoding.encode(members))
  }
}

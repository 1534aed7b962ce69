import Postgres
import ServiceKit
import SharedKernel

/// The catalogue in PostgreSQL.
struct ProductRepository: ProductStore {
  let runner: any SQLRunner
  let outbox: Outbox

  /// The columns of `Product.init(row:)`, for products as `p` with a price in one currency as `price`.
  private static let columns: SQL = """
    p.id, p.name, price.amount, price.currency, p.slug, v.sku, p.description, p.status,
    ARRAY(
      SELECT c.slug FROM product_categories pc JOIN categories c ON c.id = pc.category_id
      WHERE pc.product_id = p.id ORDER BY c.path
    ),
    p.attributes, p.images,
    EXISTS (
      SELECT 1 FROM variants any_v JOIN stock s ON s.variant_id = any_v.id
      WHERE any_v.product_id = p.id AND any_v.status = 'active' AND s.on_hand > s.reserved
    ),
    (SELECT count(*) FROM variants all_v WHERE all_v.product_id = p.id AND all_v.status = 'active'),
    (SELECT coalesce(sum(s.version), 0) FROM variants all_v JOIN stock s ON s.variant_id = all_v.id
     WHERE all_v.product_id = p.id),
    p.version, p.created_at, p.updated_at
    """

  private static func tables(_ currency: Currency) -> SQL {
    """
    FROM products p JOIN variants v ON v.id = p.default_variant_id
    LEFT JOIN variant_prices price ON price.variant_id = v.id AND price.currency = \(currency)
    """
  }

  // MARK: Reading

  func products(_ query: ProductQuery) async throws -> [Product] {
    try await runner.query(
      """
      SELECT \(Self.columns) \(Self.tables(query.currency))
      WHERE \(Self.filter(query)) AND p.id > \(query.afterID)
      ORDER BY p.id LIMIT \(query.page.limit + 1)
      """, Product.init(row:))
  }

  func count(_ query: ProductQuery) async throws -> Int {
    try await runner.value("SELECT count(*) FROM products p WHERE \(Self.filter(query))") ?? 0
  }

  private static func filter(_ query: ProductQuery) -> SQL {
    var conditions: [SQL] = ["p.status = \((query.status ?? .active).rawValue)"]
    if let ids = query.ids { conditions.append("p.id = ANY(\(ids))") }
    if let slug = query.slug { conditions.append("p.slug = \(slug)") }
    if !query.words.isEmpty {
      // The words hold letters and digits only, so this is a plain conjunction of prefixes.
      let pattern = query.words.map { "\($0):*" }.joined(separator: " & ")
      conditions.append("p.search @@ to_tsquery('simple', \(pattern))")
    }
    if let category = query.category {
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

  func product(_ id: Int, currency: Currency) async throws -> Product? {
    try await runner.first(
      "SELECT \(Self.columns) \(Self.tables(currency)) WHERE p.id = \(id)", Product.init(row:))
  }

  func variants(of id: Int, currency: Currency) async throws -> [Variant] {
    try await runner.query(
      """
      SELECT v.id, v.sku, v.name, v.options, price.amount, price.currency,
        s.on_hand - s.reserved, v.status, v.version
      FROM variants v JOIN stock s ON s.variant_id = v.id
      LEFT JOIN variant_prices price ON price.variant_id = v.id AND price.currency = \(currency)
      WHERE v.product_id = \(id) AND v.status = 'active' ORDER BY v.id
      """, Variant.init(row:))
  }

  func categories() async throws -> [Category] {
    try await runner.query("SELECT id, slug, name, parent_id FROM categories ORDER BY path") {
      row in
      Category(
        id: try row.next(), slug: try row.next(), name: try row.next(), parentID: try row.next())
    }
  }

  // MARK: Writing (one transaction)

  func insert(_ draft: ProductDraft, actor: String) async throws -> Int {
    do {
      let attributes = JSONText(try JSONEncoding.encode(draft.attributes))
      let images = JSONText(try JSONEncoding.encode(draft.images))
      let id: Int? = try await runner.value(
        """
        INSERT INTO products (name, slug, description, status, attributes, images)
        VALUES (\(draft.name), \(draft.slug), \(draft.description), \(draft.status.rawValue),
          \(attributes), \(images))
        RETURNING id
        """)
      let variantID: Int? = try await runner.value(
        """
        INSERT INTO variants (product_id, sku, name, status)
        VALUES (\(id), \(draft.sku), \(draft.name), 'active') RETURNING id
        """)
      guard let id, let variantID else {
        throw PostgresError.invalid("an INSERT .. RETURNING returned nothing")
      }
      try await runner.execute(
        "UPDATE products SET default_variant_id = \(variantID) WHERE id = \(id)")
      try await runner.execute(
        """
        INSERT INTO variant_prices (variant_id, currency, amount)
        VALUES (\(variantID), \(draft.price.currency), \(draft.price.minorUnits))
        """)
      try await runner.execute(
        "INSERT INTO stock (variant_id, on_hand) VALUES (\(variantID), \(draft.initialStock))")
      if draft.initialStock > 0 {
        try await runner.execute(
          """
          INSERT INTO stock_movements (variant_id, delta, reason, ref_type, ref_id, actor)
          VALUES (\(variantID), \(draft.initialStock), 'received', 'product',
            \("\(id)"), \(actor))
          """)
      }
      try await link(id, to: draft.categories)
      try await tell("product.created", id, version: 1)
      return id
    } catch let error as PostgresError {
      throw duplicate(error) ?? error
    }
  }

  func update(_ product: Product, from old: Product) async throws {
    do {
      let attributes = JSONText(try JSONEncoding.encode(product.attributes))
      let images = JSONText(try JSONEncoding.encode(product.images))
      let updated = try await runner.execute(
        """
        UPDATE products SET name = \(product.name), slug = \(product.slug),
          description = \(product.description), status = \(product.status.rawValue),
          attributes = \(attributes), images = \(images), version = version + 1, updated_at = now()
        WHERE id = \(product.id) AND version = \(old.version)
        """)
      guard updated == 1 else {
        throw ProductError.changedMeanwhile(currentVersion: old.version + 1)
      }
      if let price = product.price, price != old.price {
        try await runner.execute(
          """
          INSERT INTO variant_prices (variant_id, currency, amount)
          SELECT default_variant_id, \(price.currency), \(price.minorUnits)
          FROM products WHERE id = \(product.id)
          ON CONFLICT (variant_id, currency) DO UPDATE SET amount = excluded.amount
          """)
      }
      if product.categories != old.categories {
        try await runner.execute("DELETE FROM product_categories WHERE product_id = \(product.id)")
        try await link(product.id, to: product.categories)
      }
      try await tell(
        product.status == .archived && old.status != .archived
          ? "product.archived" : "product.updated", product.id, version: old.version + 1)
    } catch let error as PostgresError {
      throw duplicate(error) ?? error
    }
  }

  private func link(_ id: Int, to categories: [String]) async throws {
    guard !categories.isEmpty else { return }
    let known: [String] = try await runner.values(
      """
      WITH linked AS (
        INSERT INTO product_categories (product_id, category_id)
        SELECT \(id), c.id FROM categories c WHERE c.slug = ANY(\(categories))
        RETURNING category_id
      )
      SELECT c.slug FROM linked JOIN categories c ON c.id = linked.category_id
      """)
    if let unknown = categories.first(where: { !known.contains($0) }) {
      throw ProductError.unknownCategory(unknown)
    }
  }

  private func tell(_ type: String, _ id: Int, version: Int) async throws {
    struct Data: Encodable {
      let productId: Int
      let version: Int
    }
    try await outbox.append(
      EventDraft(
        type: type, subject: "\(id)", version: version, data: Data(productId: id, version: version)),
      in: runner)
  }

  private func duplicate(_ error: PostgresError) -> ProductError? {
    if error.isUniqueViolation("products_slug_key") { return .duplicate(field: "slug") }
    if error.isUniqueViolation("variants_sku_key") { return .duplicate(field: "sku") }
    return nil
  }
}

extension Product {
  init(row: inout Row) throws {
    id = try row.next()
    name = try row.next()
    price = try Money(row: &row)
    slug = try row.next()
    sku = try row.next()
    description = try row.next()
    status = try Status(stored: row.next())
    categories = try row.next()
    attributes = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    images = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    inStock = try row.next()
    variantCount = try row.next()
    stockVersion = try row.next()
    version = try row.next()
    createdAt = try row.next()
    updatedAt = try row.next()
  }
}

extension Product.Status {
  fileprivate init(stored text: String) throws {
    guard let status = Self(rawValue: text) else {
      throw PostgresError.invalid("a product is in the unknown status \(text)")
    }
    self = status
  }
}

extension Variant {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    sku = try row.next()
    name = try row.next()
    options = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    price = try Money(row: &row)
    available = try row.next()
    status = try row.next()
    version = try row.next()
  }
}

extension Money {
  /// Reads an amount and a currency; nil when both are NULL.
  fileprivate init?(row: inout Row) throws {
    let amount: Int64? = try row.next()
    let currency: Currency? = try row.next()
    guard let amount, let currency else { return nil }
    try self.init(minorUnits: amount, currency: currency)
  }
}

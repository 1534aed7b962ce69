import Postgres
import ServiceKit
import SharedKernel

/// The catalogue in PostgreSQL.
struct ProductRepository: ProductStore {
  let runner: any SQLRunner
  let outbox: Outbox

  // MARK: Reading

  func product(_ id: Int, currency: Currency) async throws -> Product? {
    try await runner.first(
      """
      SELECT p.id, p.name, p.price_amounts[array_position(p.price_currencies, \(currency.code))],
        p.slug, p.sku, p.description, p.status, p.categories, p.attributes, p.images, p.in_stock,
        p.variant_count, p.version, p.created_at, p.updated_at
      FROM products p WHERE p.id = \(id)
      """
    ) { row in try Product(row: &row, currency: currency) }
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
      try await runner.send(
        "UPDATE products SET default_variant_id = \(variantID) WHERE id = \(id)")
      try await runner.send(
        """
        INSERT INTO variant_prices (variant_id, currency, amount)
        VALUES (\(variantID), \(draft.price.currency), \(draft.price.minorUnits))
        """)
      try await runner.send(
        "INSERT INTO stock (variant_id, on_hand) VALUES (\(variantID), \(draft.initialStock))")
      if draft.initialStock > 0 {
        try await runner.send(
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
        try await runner.send(
          """
          INSERT INTO variant_prices (variant_id, currency, amount)
          SELECT default_variant_id, \(price.currency), \(price.minorUnits)
          FROM products WHERE id = \(product.id)
          ON CONFLICT (variant_id, currency) DO UPDATE SET amount = excluded.amount
          """)
      }
      if product.categories != old.categories {
        try await runner.send("DELETE FROM product_categories WHERE product_id = \(product.id)")
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
  init(row: inout Row, currency: Currency) throws {
    id = try row.next()
    name = try row.next()
    price = try row.next(as: Int64?.self).map { try Money(minorUnits: $0, currency: currency) }
    slug = try row.next()
    sku = try row.next()
    description = try row.next()
    status = try Status(stored: row.next())
    categories = try row.next()
    attributes = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    images = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    inStock = try row.next()
    variantCount = try row.next()
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

import Postgres
import ServiceKit
import SharedKernel

/// Shipping methods in the schema `orders`. A shop has few: lists are whole.
struct ShippingMethodRepository: RecordStore {
  /// More are not made.
  static let countMax = 100

  let runner: any SQLRunner

  private static let columns: SQL = "id, name, countries, currency, price, free_from, version"
  private static let oldestFirst = Keyset<ShippingMethod>(.ascending, .init("id", \.id))

  func all() async throws -> [ShippingMethod] {
    try await runner.query(
      .named(
        "shipping-method.all", "SELECT \(Self.columns) FROM shipping_methods ORDER BY name, id"),
      ShippingMethod.init(row:))
  }

  func record(_ key: ID<ShippingMethod>) async throws -> ShippingMethod? {
    try await runner.first(
      "SELECT \(Self.columns) FROM shipping_methods WHERE id = \(key)", ShippingMethod.init(row:))
  }

  func records(_ page: PageRequest) async throws -> Page<ShippingMethod> {
    try await runner.page(
      page, named: "shipping-method.list", by: Self.oldestFirst, select: Self.columns,
      from: "shipping_methods", where: [], ShippingMethod.init(row:))
  }

  func insert(_ draft: ShippingMethodDraft) async throws -> ShippingMethod {
    let made = try await runner.first(
      """
      INSERT INTO shipping_methods (id, name, countries, currency, price, free_from)
      SELECT \(ID<ShippingMethod>.new()), \(draft.name), \(draft.countries),
        \(draft.price.currency), \(draft.price.minorUnits), \(draft.freeFrom?.minorUnits)
      WHERE (SELECT count(*) FROM shipping_methods) < \(Self.countMax)
      RETURNING \(Self.columns)
      """, ShippingMethod.init(row:))
    guard let made else {
      throw RecordError.inUse("There are \(Self.countMax) shipping methods; remove one first.")
    }
    return made
  }

  func update(
    _ key: ID<ShippingMethod>, at version: Int, to draft: ShippingMethodDraft
  ) async throws -> ShippingMethod? {
    try await runner.first(
      """
      UPDATE shipping_methods SET name = \(draft.name), countries = \(draft.countries),
        currency = \(draft.price.currency), price = \(draft.price.minorUnits),
        free_from = \(draft.freeFrom?.minorUnits), version = version + 1
      WHERE id = \(key) AND version = \(version)
      RETURNING \(Self.columns)
      """, ShippingMethod.init(row:))
  }

  func remove(_ key: ID<ShippingMethod>, at version: Int) async throws -> Bool {
    try await runner.execute(
      "DELETE FROM shipping_methods WHERE id = \(key) AND version = \(version)") == 1
  }
}

extension ShippingMethod {
  init(row: inout Row) throws {
    id = try row.next()
    name = try row.next()
    countries = try row.next()
    let currency: Currency = try row.next()
    price = try row.money(currency)
    freeFrom = try row.money(orNull: currency)
    version = try row.next()
  }
}

extension Row {
  /// An amount that may be NULL.
  mutating func money(orNull currency: Currency) throws -> Money? {
    try next(as: Int64?.self).map { try Money(minorUnits: $0, currency: currency) }
  }
}

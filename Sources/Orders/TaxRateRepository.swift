import Postgres
import ServiceKit
import SharedKernel

/// Tax rates in the schema `orders`. A rate of a whole country has the region ''.
struct TaxRateRepository: RecordStore {
  let runner: any SQLRunner

  private static let columns: SQL =
    "id, country, nullif(region, ''), basis_points, included_in_price, version"
  private static let oldestFirst = Keyset<TaxRate>(.ascending, .init("id", \.id))

  /// The rate of the region, else of the country; nil where none is known.
  func rate(country: String, region: String?) async throws -> TaxRate? {
    try await runner.first(
      .named(
        "tax-rate.of-place",
        """
        SELECT \(Self.columns) FROM tax_rates
        WHERE country = \(country) AND region IN ('', \(region?.uppercased() ?? ""))
        ORDER BY region DESC LIMIT 1
        """), TaxRate.init(row:))
  }

  func record(_ key: ID<TaxRate>) async throws -> TaxRate? {
    try await runner.first(
      "SELECT \(Self.columns) FROM tax_rates WHERE id = \(key)", TaxRate.init(row:))
  }

  func records(_ page: PageRequest) async throws -> Page<TaxRate> {
    try await runner.page(
      page, named: "tax-rate.list", by: Self.oldestFirst, select: Self.columns, from: "tax_rates",
      where: [], TaxRate.init(row:))
  }

  func insert(_ draft: TaxRateDraft) async throws -> TaxRate {
    let made = try await unique {
      try await runner.first(
        """
        INSERT INTO tax_rates (id, country, region, basis_points, included_in_price)
        VALUES (\(ID<TaxRate>.new()), \(draft.country), \(draft.region ?? ""),
          \(draft.basisPoints), \(draft.isIncludedInPrice))
        RETURNING \(Self.columns)
        """, TaxRate.init(row:))
    }
    guard let made else { throw PostgresError.invalid("an inserted tax rate is not there") }
    return made
  }

  func update(
    _ key: ID<TaxRate>, at version: Int, to draft: TaxRateDraft
  ) async throws -> TaxRate? {
    try await unique {
      try await runner.first(
        """
        UPDATE tax_rates SET country = \(draft.country), region = \(draft.region ?? ""),
          basis_points = \(draft.basisPoints), included_in_price = \(draft.isIncludedInPrice),
          version = version + 1
        WHERE id = \(key) AND version = \(version)
        RETURNING \(Self.columns)
        """, TaxRate.init(row:))
    }
  }

  func remove(_ key: ID<TaxRate>, at version: Int) async throws -> Bool {
    try await runner.execute(
      "DELETE FROM tax_rates WHERE id = \(key) AND version = \(version)") == 1
  }

  private func unique<Value>(_ write: () async throws -> Value) async throws -> Value {
    do {
      return try await write()
    } catch let error as PostgresError where error.isUniqueViolation("tax_rates_place") {
      throw RecordError.duplicate(field: "region")
    }
  }
}

extension TaxRate {
  init(row: inout Row) throws {
    id = try row.next()
    country = try row.next()
    region = try row.next()
    basisPoints = try row.next()
    isIncludedInPrice = try row.next()
    version = try row.next()
  }
}

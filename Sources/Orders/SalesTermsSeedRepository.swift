import Postgres
import ServiceKit
import SharedKernel

/// The development shop's ways to deliver, taxes and coupons, with the ids that the README and the
/// examples use.
struct SalesTermsSeedRepository {
  let database: Database

  private static let methods: [(id: String, name: String, price: Int64, freeFrom: Int64?)] = [
    ("01900000-0000-7000-8000-000000000101", "Standard", 499, 5_000),
    ("01900000-0000-7000-8000-000000000102", "Express", 1_499, nil),
  ]

  private static let rates:
    [(id: String, country: String, region: String, basisPoints: Int, isIncluded: Bool)] = [
      ("01900000-0000-7000-8000-000000000201", "CH", "", 810, true),
      ("01900000-0000-7000-8000-000000000202", "DE", "", 1_900, true),
      ("01900000-0000-7000-8000-000000000203", "US", "CA", 725, false),
    ]

  /// Adds what is missing.
  func run() async throws {
    for method in Self.methods {
      try await database.execute(
        """
        INSERT INTO shipping_methods (id, name, countries, currency, price, free_from)
        VALUES (\(id(method.id)), \(method.name), '{}', 'USD', \(method.price),
          \(method.freeFrom))
        ON CONFLICT DO NOTHING
        """)
    }
    for rate in Self.rates {
      try await database.execute(
        """
        INSERT INTO tax_rates (id, country, region, basis_points, included_in_price)
        VALUES (\(id(rate.id)), \(rate.country), \(rate.region), \(rate.basisPoints),
          \(rate.isIncluded))
        ON CONFLICT DO NOTHING
        """)
    }
    try await database.execute(
      """
      INSERT INTO coupons (code, percent, max_uses_per_customer) VALUES ('WELCOME10', 10, 1)
      ON CONFLICT DO NOTHING
      """)
  }

  private func id(_ text: String) -> UUID128 {
    guard let id = UUID128(text) else { preconditionFailure("the ids above are UUIDs") }
    return id
  }
}

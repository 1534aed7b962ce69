import Postgres
import ServiceKit
import SharedKernel

/// Price and availability of many variants in one statement.
struct VariantSnapshotRepository: Sendable {
  let runner: any SQLRunner

  func snapshots(_ query: VariantQuery) async throws -> [VariantSnapshot] {
    // Only what is asked for: a plan that holds for any values would have to search for nothing, too.
    var wanted: [SQL] = []
    if !query.ids.isEmpty { wanted.append("SELECT DISTINCT unnest(\(query.ids.tenOrMore)) AS id") }
    if !query.productIDs.isEmpty {
      wanted.append(
        """
        SELECT default_variant_id AS id FROM products
        WHERE id = ANY(\(query.productIDs.tenOrMore))
        """)
    }
    if wanted.isEmpty { return [] }
    return try await runner.query(
      """
      SELECT v.id, p.id, v.id = p.default_variant_id,
        (SELECT count(*) FROM variants all_v
         WHERE all_v.product_id = p.id AND all_v.status = 'active'),
        CASE WHEN v.id = p.default_variant_id THEN p.name ELSE p.name || ' ' || v.name END,
        v.sku, CASE WHEN p.status = 'active' THEN v.status ELSE p.status END,
        price.amount, s.on_hand - s.reserved
      FROM (\(SQL.joined(wanted, separator: " UNION "))) AS wanted
      JOIN variants v ON v.id = wanted.id
      JOIN products p ON p.id = v.product_id
      JOIN stock s ON s.variant_id = v.id
      LEFT JOIN variant_prices price
        ON price.variant_id = v.id AND price.currency = \(query.currency)
      ORDER BY v.id
      """
    ) { row in
      VariantSnapshot(
        variantId: try row.next(), productId: try row.next(), isDefault: try row.next(),
        variantCount: try row.next(), name: try row.next(), sku: try row.next(),
        status: try row.next(),
        money: try row.next(as: Int64?.self).map {
          try Money(minorUnits: $0, currency: query.currency)
        },
        available: try row.next())
    }
  }
}

import Postgres
import ServiceKit

extension MovedStock {
  /// Of `stock`, and its variant as `v`.
  static let columns: SQL = """
    stock.variant_id, v.sku, stock.on_hand - stock.reserved, stock.low_at, stock.version
    """

  init(row: inout Row) throws {
    self.init(
      variantID: try row.next(), sku: try row.next(), available: try row.next(),
      lowAt: try row.next(), version: try row.next())
  }

  /// The event takes a version of its own, since the change may have told of itself by another.
  func tellLow(to outbox: Outbox, in runner: any SQLRunner) async throws {
    struct Data: Encodable {
      let variantId: Int
      let sku: String
      let available: Int
      let lowStockAt: Int
    }
    let version: Int? = try await runner.value(
      "UPDATE stock SET version = version + 1 WHERE variant_id = \(variantID) RETURNING version")
    guard let version else { throw PostgresError.invalid("a locked stock row is gone") }
    try await outbox.append(
      EventDraft(
        type: "stock.low", subject: "\(variantID)", version: version,
        data: Data(variantId: variantID, sku: sku, available: available, lowStockAt: lowAt)),
      in: runner)
  }
}

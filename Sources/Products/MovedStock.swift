import Postgres
import ServiceKit

/// A variant's stock as the statement left it that has just changed it.
struct MovedStock {
  /// Of `stock`, and its variant as `v`.
  static let columns: SQL = """
    stock.variant_id, v.sku, stock.on_hand - stock.reserved, stock.low_at, stock.version
    """

  let variantID: Int
  let sku: String
  let available: Int
  let lowAt: Int
  let version: Int

  init(variantID: Int, sku: String, available: Int, lowAt: Int, version: Int) {
    self.variantID = variantID
    self.sku = sku
    self.available = available
    self.lowAt = lowAt
    self.version = version
  }

  init(row: inout Row) throws {
    self.init(
      variantID: try row.next(), sku: try row.next(), available: try row.next(),
      lowAt: try row.next(), version: try row.next())
  }

  /// Whether this very change brought it down to where staff are told; further ones do not.
  ///
  /// - Parameter units: by how many there are more available than before.
  func hasBecomeLow(by units: Int) -> Bool {
    available <= lowAt && available - units > lowAt
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

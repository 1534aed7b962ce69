import Postgres
import SharedKernel

/// The warehouse's ledger, as shipments and returns write it: one movement for each variant of each,
/// whose uniqueness makes the repetition of a command find its work done.
struct StockMovementRepository {
  enum Reason: String {
    case shipped, returned
  }

  let runner: any SQLRunner

  /// How many units of which variants moved, by ascending variant; empty if none did.
  func units(movedFor reference: StockReference) async throws -> [ReservationLine] {
    try await runner.query(
      """
      SELECT variant_id, abs(delta) FROM stock_movements
      WHERE ref_type = \(reference.type) AND ref_id = \(reference.id) ORDER BY variant_id
      """
    ) { ReservationLine(variantId: try $0.next(), quantity: try $0.next()) }
  }

  /// - Parameter sign: 1 for what comes in, -1 for what goes out.
  func add(
    _ lines: [ReservationLine], sign: Int, _ reason: Reason, for reference: StockReference,
    actor: String
  ) async throws {
    try await runner.send(
      """
      INSERT INTO stock_movements (variant_id, delta, reason, ref_type, ref_id, actor)
      SELECT line.variant, line.delta, \(reason.rawValue), \(reference.type), \(reference.id),
        \(actor)
      FROM unnest(\(lines.map(\.variantId)), \(lines.map { $0.quantity * sign }))
        AS line (variant, delta)
      ORDER BY line.variant
      """)
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// The warehouse in PostgreSQL.
struct StockRepository: StockStore {
  let runner: any SQLRunner
  let outbox: Outbox

  func level(of variantID: Int) async throws -> StockLevel? {
    try await runner.first(
      """
      SELECT variant_id, on_hand, reserved, low_at, version FROM stock
      WHERE variant_id = \(variantID)
      """, StockLevel.init(row:))
  }

  func lockedLevel(of variantID: Int) async throws -> StockLevel? {
    try await runner.first(
      """
      SELECT variant_id, on_hand, reserved, low_at, version FROM stock
      WHERE variant_id = \(variantID) FOR UPDATE
      """, StockLevel.init(row:))
  }

  func move(
    _ variantID: Int, by delta: Int, _ adjustment: StockAdjustment, actor: String
  ) async throws -> StockMovement {
    let moved = try await runner.first(
      """
      UPDATE stock SET on_hand = on_hand + \(delta), version = stock.version + 1
      FROM variants v
      WHERE stock.variant_id = \(variantID) AND v.id = stock.variant_id
      RETURNING \(MovedStock.columns)
      """, MovedStock.init(row:))
    let movement = try await runner.first(
      """
      INSERT INTO stock_movements (variant_id, delta, reason, note, ref_type, ref_id, actor)
      VALUES (\(variantID), \(delta), \(adjustment.reason.rawValue), \(adjustment.note),
        'adjustment', \(UUID128.v7().description), \(actor))
      RETURNING id, variant_id, delta, reason, note, actor, at
      """, StockMovement.init(row:))
    guard let movement, let moved else {
      throw PostgresError.invalid("a locked stock row did not change")
    }
    try await tell(moved, delta: delta, reason: adjustment.reason)
    if moved.hasBecomeLow(by: delta) { try await moved.tellLow(to: outbox, in: runner) }
    return movement
  }

  private func tell(
    _ moved: MovedStock, delta: Int, reason: StockAdjustment.Reason
  ) async throws {
    struct Data: Encodable {
      let variantId: Int
      let delta: Int
      let reason: StockAdjustment.Reason
    }
    try await outbox.append(
      EventDraft(
        type: "stock.adjusted", subject: "\(moved.variantID)", version: moved.version,
        data: Data(variantId: moved.variantID, delta: delta, reason: reason)),
      in: runner)
  }

  // MARK: What comes back

  func lock(_ variantIDs: [Int]) async throws -> [Int] {
    try await runner.values(
      """
      SELECT variant_id FROM stock WHERE variant_id = ANY(\(variantIDs.tenOrMore))
      ORDER BY variant_id FOR UPDATE
      """)
  }

  func units(ofRestock refund: RefundID) async throws -> [ReservationLine] {
    try await StockMovementRepository(runner: runner).units(movedFor: .refund(refund))
  }

  func receive(_ lines: [ReservationLine], with refund: RefundID, actor: String) async throws {
    let moved = try await runner.query(
      """
      UPDATE stock SET on_hand = on_hand + line.quantity, version = stock.version + 1
      FROM unnest(\(lines.map(\.variantId)), \(lines.map(\.quantity))) AS line (variant, quantity),
        variants v
      WHERE stock.variant_id = line.variant AND v.id = line.variant
      RETURNING \(MovedStock.columns)
      """, MovedStock.init(row:))
    try await StockMovementRepository(runner: runner)
      .add(lines, sign: 1, .returned, for: .refund(refund), actor: actor)
    for moved in moved {
      let delta = lines.first { $0.variantId == moved.variantID }?.quantity ?? 0
      try await tell(moved, delta: delta, reason: .returned)
    }
  }

  private static let newestFirst = Keyset<StockMovement>(.descending, .init("id", \.id))

  func movements(of variantID: Int, _ page: PageRequest) async throws -> Page<StockMovement> {
    try await runner.page(
      page, named: "stock-movement.list", by: Self.newestFirst,
      select: "id, variant_id, delta, reason, note, actor, at", from: "stock_movements",
      where: ["variant_id = \(variantID)"], StockMovement.init(row:))
  }
}

extension StockLevel {
  fileprivate init(row: inout Row) throws {
    self.init(
      variantId: try row.next(), onHand: try row.next(), reserved: try row.next(),
      lowStockAt: try row.next(), version: try row.next())
  }
}

extension StockMovement {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    variantId = try row.next()
    delta = try row.next()
    reason = try row.next()
    note = try row.next()
    actor = try row.next()
    at = try row.next()
  }
}

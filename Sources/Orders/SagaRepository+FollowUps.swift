import Postgres
import ServiceKit
import SharedKernel

/// How the sagas of shipments and refunds end: each in one transaction with the order's figures, its
/// event, and the saga itself, whose lease must still be held.
extension SagaRepository {
  func ship(_ lease: SagaLease, figures: PaymentFigures?) async throws {
    try await database.transaction { transaction in
      let from = try await lockedState(of: lease, in: transaction)
      try await finish(lease, what: "shipped", in: transaction)
      try await transaction.send(
        """
        UPDATE order_lines l SET shipped = l.shipped + s.quantity
        FROM shipment_lines s WHERE s.shipment_id = \(lease.reference) AND s.line_id = l.id
        """)
      let remaining: Int64? = try await transaction.value(
        """
        SELECT sum(quantity - shipped)::int8 FROM order_lines WHERE order_id = \(lease.order.id)
        """)
      let transition: OrderTransition = remaining == 0 ? .shipRest : .shipPart
      guard transition.from.contains(from) else {
        throw PostgresError.invalid("an order that is \(from.rawValue) was being shipped")
      }
      let moved = try await move(
        lease, figures, "state = \(transition.to), attention = false", in: transaction)
      let tracking = try await transaction.first(
        """
        UPDATE shipments SET state = 'shipped', shipped_at = now() WHERE id = \(lease.reference)
        RETURNING carrier, tracking_number, tracking_url
        """
      ) {
        Tracking(
          carrier: try $0.next(), trackingNumber: try $0.next(), trackingUrl: try $0.next())
      }
      let lines = try await transaction.query(
        """
        SELECT line_id, quantity FROM shipment_lines WHERE shipment_id = \(lease.reference)
        ORDER BY line_id
        """
      ) { Units(lineId: try $0.next(), quantity: try $0.next()) }
      try await transaction.send(
        """
        INSERT INTO order_history (order_id, from_state, to_state, actor)
        VALUES (\(lease.order.id), \(from), \(transition.to), \(lease.kind))
        """)
      guard let event = transition.event, let tracking else { throw LeaseLost() }
      try await outbox.append(
        try moved.event(
          event, shipment: ShipmentNote(ID(lease.reference), tracking, lines)),
        in: transaction)
    }
  }

  func refund(_ lease: SagaLease, figures: PaymentFigures?) async throws {
    try await database.transaction { transaction in
      _ = try await lockedState(of: lease, in: transaction)
      try await finish(lease, what: "refunded", in: transaction)
      let moved = try await move(lease, figures, "attention = false", in: transaction)
      try await transaction.send(
        """
        UPDATE order_lines l SET refunded_qty = l.refunded_qty + r.quantity
        FROM refund_lines r WHERE r.refund_id = \(lease.reference) AND r.line_id = l.id
        """)
      let told = try await transaction.first(
        """
        UPDATE refunds SET state = 'succeeded', finished_at = now() WHERE id = \(lease.reference)
        RETURNING amount, restock, reason
        """
      ) { row in
        RefundNote(
          refundId: ID(lease.reference), amount: try row.money(lease.order.total.currency),
          restock: try row.next(), reason: try row.next())
      }
      guard let told else { throw LeaseLost() }
      try await outbox.append(
        try moved.event("order.refunded", refund: told), in: transaction)
    }
  }

  func giveUp(
    _ lease: SagaLease, _ failure: FollowUpFailure, figures: PaymentFigures?
  ) async throws {
    let table: SQL = lease.kind == .ship ? "shipments" : "refunds"
    let finished: SQL = lease.kind == .ship ? "" : ", finished_at = now()"
    try await database.transaction { transaction in
      _ = try await lockedState(of: lease, in: transaction)
      try await finish(lease, what: "given up: \(failure.reason.rawValue)", in: transaction)
      _ = try await move(lease, figures, "attention = false", in: transaction)
      try await transaction.send(
        """
        UPDATE \(table) SET state = 'failed', failure = \(failure.reason.rawValue),
          decline_code = \(failure.declineCode) \(finished)
        WHERE id = \(lease.reference)
        """)
    }
  }

  // MARK: Parts

  private func lockedState(
    of lease: SagaLease, in transaction: Transaction
  ) async throws -> OrderState {
    let state: OrderState? = try await transaction.value(
      "SELECT state FROM orders WHERE id = \(lease.order.id) FOR UPDATE")
    guard let state else { throw PostgresError.invalid("the order of a saga is gone") }
    return state
  }

  private func move(
    _ lease: SagaLease, _ figures: PaymentFigures?, _ changes: SQL, in transaction: Transaction
  ) async throws -> MovedOrder {
    let moved = try await transaction.first(
      """
      UPDATE orders SET \(Self.paid(figures)), \(changes), version = version + 1
      WHERE id = \(lease.order.id) RETURNING \(MovedOrder.columns)
      """, MovedOrder.init)
    guard let moved else { throw PostgresError.invalid("the order of a saga is gone") }
    return moved
  }

  /// Comes before everything else that is written: who lost the lease writes nothing.
  private func finish(
    _ lease: SagaLease, what: String, in transaction: Transaction
  ) async throws {
    let finished = try await transaction.execute(
      """
      UPDATE sagas s SET \(Self.finished), log = \(Self.logged(lease.step.rawValue, what))
      WHERE \(Self.held(lease))
      """)
    if finished != 1 { throw LeaseLost() }
  }
}

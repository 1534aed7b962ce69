import Postgres
import ServiceKit
import SharedKernel

/// Shipments and refunds in the schema `orders`: how they are begun, and what becomes of a shipment on
/// its way. Their sagas end them (`SagaRepository`).
struct FollowUpRepository: FollowUpStore {
  let database: Database
  let outbox: Outbox
  let holder: LeaseHolder

  func command(_ key: OrderKey) async throws -> FollowUpCommand? {
    try await command(key, in: database)
  }

  private func command(
    _ key: OrderKey, in runner: any SQLRunner
  ) async throws -> FollowUpCommand? {
    try await runner.first(
      """
      SELECT kind, ref_id, fingerprint FROM order_commands
      WHERE principal = \(key.principal) AND idem_key = \(key.key)
      """
    ) { FollowUpCommand(kind: try $0.next(), reference: try $0.next(), fingerprint: try $0.next()) }
  }

  // MARK: Beginning

  func begin(
    _ plan: ShipmentPlan, of order: Order, _ key: OrderKey, lease: Duration
  ) async throws -> FollowUpAcceptance? {
    let id = ID<Shipment>.new()
    let input = SagaInput(
      paymentToken: "", captureId: .new(), lines: order.stockLines(plan.lines), amount: plan.share)
    let saga = SagaLease(
      beginning: .ship, id.uuid, of: order, input: input,
      step: plan.share > 0 ? .captureShare : .fulfil)
    return try await begin(saga, of: order, key, lease: lease) { transaction in
      try await transaction.send(
        """
        INSERT INTO shipments (id, order_id, state, carrier, tracking_number, tracking_url, share,
          capture_id)
        VALUES (\(id), \(order.id), 'pending', \(plan.tracking.carrier),
          \(plan.tracking.trackingNumber), \(plan.tracking.trackingUrl), \(plan.share),
          \(input.captureId))
        """)
      try await transaction.send(
        """
        INSERT INTO shipment_lines (shipment_id, line_id, quantity)
        SELECT \(id), line.id, line.quantity
        FROM unnest(\(plan.lines.map(\.lineId)), \(plan.lines.map(\.quantity)))
          AS line (id, quantity)
        """)
    }
  }

  func begin(
    _ plan: RefundPlan, of order: Order, _ key: OrderKey, lease: Duration
  ) async throws -> FollowUpAcceptance? {
    let id = ID<Refund>.new()
    let input = SagaInput(
      paymentToken: "", captureId: .new(),
      lines: plan.restocks ? order.stockLines(plan.lines) : [], amount: plan.amount.minorUnits)
    let saga = SagaLease(
      beginning: .refund, id.uuid, of: order, input: input, step: .refundPayment)
    return try await begin(saga, of: order, key, lease: lease) { transaction in
      try await transaction.send(
        """
        INSERT INTO refunds (id, order_id, state, amount, restock, reason)
        VALUES (\(id), \(order.id), 'pending', \(plan.amount.minorUnits), \(plan.restocks),
          \(plan.reason))
        """)
      try await transaction.send(
        """
        INSERT INTO refund_lines (refund_id, line_id, quantity)
        SELECT \(id), line.id, line.quantity
        FROM unnest(\(plan.lines.map(\.lineId)), \(plan.lines.map(\.quantity)))
          AS line (id, quantity)
        """)
    }
  }

  /// The key, what it begins and the saga, in one transaction; the order must still be as it was when
  /// this was planned.
  private func begin(
    _ saga: SagaLease, of order: Order, _ key: OrderKey, lease: Duration,
    _ insert: (Transaction) async throws -> Void
  ) async throws -> FollowUpAcceptance? {
    do {
      return try await database.transaction { transaction in
        try await lock(order.id, in: transaction)
        let isNew = try await transaction.execute(
          """
          INSERT INTO order_commands (principal, idem_key, fingerprint, order_id, kind, ref_id)
          VALUES (\(key.principal), \(key.key), \(key.fingerprint), \(order.id), \(saga.kind),
            \(saga.reference))
          ON CONFLICT (principal, idem_key) DO NOTHING
          """)
        guard isNew == 1 else {
          guard let known = try await command(key, in: transaction) else {
            // Commands are never deleted.
            throw PostgresError.invalid("a key is taken, but not by a command")
          }
          return .existing(known)
        }
        let running: Int64? = try await transaction.value(
          """
          WITH locked AS (
            UPDATE orders SET version = version + 1
            WHERE id = \(order.id) AND version = \(order.version) RETURNING id
          )
          SELECT (SELECT count(*) FROM sagas s WHERE s.order_id = locked.id AND s.state = 'running')
          FROM locked
          """)
        guard let running else { throw Changed() }
        guard running == 0 else { throw OrderError.operationInProgress }
        try await insert(transaction)
        try await transaction.send(
          """
          INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, input, traceparent,
            lease_until, holder)
          VALUES (\(saga.id), \(saga.kind), \(saga.reference), \(order.id), \(saga.step),
            \(saga.step.direction), \(JSONText(try JSONEncoding.encode(saga.input))),
            \(saga.traceparent), now() + \(seconds(lease)), \(holder.name))
          """)
        return .accepted(saga)
      }
    } catch is Changed {
      return nil
    } catch let error as PostgresError where error.isLockTimeout {
      // With the order locked, all that it can have waited for is the first holder of its key.
      throw OrderError.keyInProgress
    } catch let error as PostgresError where error.isUniqueViolation("sagas_one_running") {
      // Begun by somebody between the statement that looked and this one.
      throw OrderError.operationInProgress
    }
  }

  /// Locks the order's row before the command refers to it. A reference holds the row as well, and to ask
  /// for more of it while others wait is how transactions come to wait for one another.
  ///
  /// - Throws: `OrderError.operationInProgress` if somebody does not let go of it.
  private func lock(_ order: OrderID, in transaction: Transaction) async throws {
    do {
      try await transaction.execute("SELECT FROM orders WHERE id = \(order) FOR UPDATE")
    } catch let error as PostgresError where error.isLockTimeout {
      throw OrderError.operationInProgress
    }
  }

  /// The order has changed since it was read.
  private struct Changed: Error {}

  // MARK: On its way

  func update(
    _ shipment: Shipment, of order: Order, to tracking: Tracking, isDelivered: Bool,
    by actor: String
  ) async throws -> Bool {
    try await database.transaction { transaction in
      let isLast =
        isDelivered && order.state == .shipped
        && order.shipments.allSatisfy { $0.id == shipment.id || $0.status != .shipped }
      let moved = try await transaction.first(
        """
        UPDATE orders SET version = version + 1,
          state = CASE WHEN \(isLast) THEN \(OrderTransition.deliver.to) ELSE state END
        WHERE id = \(order.id) AND version = \(order.version) RETURNING \(MovedOrder.columns)
        """, MovedOrder.init)
      guard let moved else { return false }
      try await transaction.send(
        """
        UPDATE shipments SET carrier = \(tracking.carrier),
          tracking_number = \(tracking.trackingNumber), tracking_url = \(tracking.trackingUrl),
          state = CASE WHEN \(isDelivered) THEN 'delivered' ELSE state END,
          delivered_at = CASE WHEN \(isDelivered) THEN coalesce(delivered_at, now()) END
        WHERE id = \(shipment.id)
        """)
      if isLast, let type = OrderTransition.deliver.event {
        try await transaction.send(
          """
          INSERT INTO order_history (order_id, from_state, to_state, actor)
          VALUES (\(order.id), \(order.state), \(moved.state), \(actor))
          """)
        try await outbox.append(
          try moved.event(type, shipment: ShipmentNote(shipment.id, tracking, shipment.lines)),
          in: transaction)
      }
      return true
    }
  }
}

extension Order {
  /// The units by variant, as the product service knows them.
  fileprivate func stockLines(_ units: [Units]) -> [SagaInput.Line] {
    units.compactMap { units in
      lines.first { $0.id == units.lineId }.map {
        SagaInput.Line(variantId: $0.variantID, quantity: units.quantity)
      }
    }
  }
}

extension SagaLease {
  fileprivate init(
    beginning kind: SagaKind, _ reference: UUID128, of order: Order, input: SagaInput,
    step: CheckoutSaga.Step
  ) {
    self.init(
      id: .new(), kind: kind, reference: reference, epoch: 1,
      order: CheckoutOrder(
        id: order.id, userID: order.userID, total: order.totals.total,
        captureMode: order.captureMode, paymentID: order.paymentID),
      input: input, step: step, orderState: order.state, cancelRequested: false, attempts: 0,
      progressedAt: .now(), isParked: false, deadline: nil,
      traceparent: RequestScope.current?.trace.traceparent)
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// Sagas in the schema `orders`, with the transitions of their orders.
///
/// Whoever changes an order and its saga in one transaction locks the order's row first. Every write
/// of who holds a lease names the lease's epoch: one that has passed writes nothing.
struct SagaRepository: SagaStore {
  let database: Database
  let outbox: Outbox
  let holder: LeaseHolder
  /// Told of a saga whose row cannot be read; it is left to its lease, and the others go on.
  var unreadable: @Sendable (ID<SagaLease>, any Error) -> Void = { _, _ in }

  // MARK: Taking

  func freePredecessorsLeases() async throws {
    _ = try await database.execute(
      """
      UPDATE sagas SET lease_until = now()
      WHERE id IN (
        SELECT id FROM sagas
        WHERE state = 'running' AND lease_until > now() AND \(holder.isPredecessor)
        FOR UPDATE SKIP LOCKED
      )
      """)
  }

  func takeDue(countMax: Int, lease: Duration) async throws -> [SagaLease] {
    try await take(
      "next_run_at <= now() AND lease_until <= now() ORDER BY next_run_at LIMIT \(countMax)",
      for: lease)
  }

  func take(of order: OrderID, lease: Duration) async throws -> SagaLease? {
    try await take("order_id = \(order) AND lease_until <= now()", for: lease).first
  }

  /// A saga whose row someone is just changing is passed over: it is being taken or told something.
  /// So is one of a kind that only a later version of this program knows.
  private func take(_ selection: SQL, for lease: Duration) async throws -> [SagaLease] {
    try await database.query(
      """
      WITH due AS (
        SELECT id FROM sagas
        WHERE state = 'running' AND kind = ANY(\(SagaKind.allCases.map(\.rawValue)))
          AND \(selection)
        FOR UPDATE SKIP LOCKED
      )
      UPDATE sagas s
      SET lease_until = now() + \(seconds(lease)), epoch = s.epoch + 1, holder = \(holder.name),
        woken = false
      FROM due, orders o
      WHERE s.id = due.id AND o.id = s.order_id
      RETURNING s.id, s.kind, s.ref_id, s.epoch, o.id, o.user_id, o.currency, o.total, o.capture_mode,
        o.payment_id, s.input, s.step, o.state, o.cancel_requested, s.attempts, s.progressed_at,
        s.parked_at IS NOT NULL, s.deadline, s.traceparent
      """
    ) { row -> SagaLease? in
      let id: ID<SagaLease> = try row.next()
      do {
        return try SagaLease(id, &row)
      } catch {
        unreadable(id, error)
        return nil
      }
    }.compactMap(\.self)
  }

  // MARK: Keeping and giving back

  func advance(
    _ lease: SagaLease, to step: CheckoutSaga.Step, figures: PaymentFigures?, for time: Duration
  ) async throws -> SagaLease {
    // The order's row is locked first: the saga's update needs the count.
    let cancelRequested: Bool? = try await database.first(
      """
      WITH paid AS (
        UPDATE orders SET \(Self.figures(figures)), version = version + 1
        WHERE id = \(lease.order.id) AND payment_version < \(figures?.version ?? 0)
        RETURNING id
      )
      UPDATE sagas s
      SET \(Self.progress(to: step)), lease_until = now() + \(seconds(time)),
        log = \(Self.logged(step.rawValue, "begun"))
      FROM orders o, (SELECT count(*) FROM paid) AS paid
      WHERE \(Self.held(lease)) AND o.id = s.order_id
      RETURNING o.cancel_requested
      """
    ) { try $0.next() }
    guard let cancelRequested else { throw LeaseLost() }
    return lease.advanced(to: step, cancelRequested: cancelRequested)
  }

  func renew(
    _ lease: SagaLease, trouble: String, for time: Duration
  ) async throws -> SagaLease {
    let cancelRequested: Bool? = try await database.first(
      """
      UPDATE sagas s
      SET attempts = s.attempts + 1, last_error = \(trouble),
        lease_until = now() + \(seconds(time)), log = \(Self.logged(lease.step.rawValue, trouble))
      FROM orders o
      WHERE \(Self.held(lease)) AND o.id = s.order_id
      RETURNING o.cancel_requested
      """
    ) { try $0.next() }
    guard let cancelRequested else { throw LeaseLost() }
    var renewed = lease
    renewed.attempts += 1
    renewed.cancelRequested = cancelRequested
    return renewed
  }

  func giveBack(_ lease: SagaLease, after pause: Duration, trouble: String?) async throws {
    let failed: SQL =
      trouble.map {
        """
        , attempts = s.attempts + 1, last_error = \($0),
          log = \(Self.logged(lease.step.rawValue, $0))
        """
      } ?? ""
    try await required(
      database.execute(
        """
        UPDATE sagas s SET lease_until = now(), \(Self.due(after: pause)) \(failed)
        WHERE \(Self.held(lease))
        """))
  }

  func park(_ lease: SagaLease, trouble: String) async throws {
    try await database.transaction { transaction in
      let moved = try await transaction.first(
        """
        UPDATE orders SET attention = true, version = version + 1
        WHERE id = \(lease.order.id) RETURNING \(MovedOrder.columns)
        """, MovedOrder.init)
      try await required(
        transaction.execute(
          """
          UPDATE sagas s SET parked_at = now(),
            log = \(Self.logged(lease.step.rawValue, "parked: \(trouble)"))
          WHERE \(Self.held(lease))
          """))
      if let moved {
        try await outbox.append(try moved.event("order.attention_required"), in: transaction)
      }
    }
  }

  /// - Throws: `LeaseLost` unless a row was written.
  private func required(_ rows: Int) throws {
    if rows != 1 { throw LeaseLost() }
  }

  // MARK: Transitions

  func refuse(_ lease: SagaLease, _ cancellation: Cancellation) async throws {
    try await required(
      transition(
        .refuse, lease, order: try Self.cancelled(cancellation), saga: Self.finished,
        reason: cancellation.reason.rawValue))
  }

  func awaitPayment(
    _ lease: SagaLease, _ action: NextAction?, figures: PaymentFigures?, deadline: Timestamp,
    pause: Duration
  ) async throws {
    let json = try action.map { JSONText(try JSONEncoding.encode($0)) }
    try await required(
      transition(
        .awaitPayment, lease, order: Self.paid(figures),
        saga: """
          \(Self.progress(to: .authorize)), next_action = \(json), deadline = \(deadline),
          lease_until = now(), \(Self.due(after: pause))
          """))
  }

  func resume(
    _ lease: SagaLease, at step: CheckoutSaga.Step, figures: PaymentFigures?, deadline: Timestamp,
    for time: Duration
  ) async throws -> SagaLease {
    let moved = try await transition(
      .resume, lease, order: Self.paid(figures),
      saga: """
        \(Self.progress(to: step)), next_action = NULL, deadline = \(deadline),
        lease_until = now() + \(seconds(time))
        """)
    try required(moved)
    // Whether someone has asked to cancel meanwhile is seen when the order is confirmed, at last.
    var resumed = lease.advanced(to: step, cancelRequested: lease.cancelRequested)
    resumed.orderState = .pending
    resumed.deadline = deadline
    return resumed
  }

  func turnBack(
    _ lease: SagaLease, _ cancellation: Cancellation, to step: CheckoutSaga.Step,
    figures: PaymentFigures?, for time: Duration
  ) async throws -> SagaLease {
    let note: SQL =
      cancellation.reason == .requested ? " || coalesce(': ' || o.cancel_note, '')" : ""
    let moved = try await transition(
      .turnBack, lease,
      order: "\(try Self.cancelled(cancellation)), \(Self.paid(figures))",
      saga: """
        \(Self.progress(to: step)), next_action = NULL, deadline = NULL,
        lease_until = now() + \(seconds(time))
        """, reason: cancellation.reason.rawValue, note: note)
    try required(moved)
    var turned = lease.advanced(to: step, cancelRequested: true)
    turned.orderState = .cancelling
    turned.deadline = nil
    return turned
  }

  func confirm(_ lease: SagaLease, figures: PaymentFigures?) async throws -> Bool {
    try await transition(
      .confirm, lease, order: "\(Self.paid(figures)), attention = false", saga: Self.finished,
      only: "AND NOT cancel_requested") == 1
  }

  func close(_ lease: SagaLease, figures: PaymentFigures?) async throws {
    try await required(
      transition(
        .close, lease, order: "\(Self.paid(figures)), attention = false", saga: Self.finished))
  }

  /// One transition: the order moves if it is in a state that allows it, with its saga if the lease is
  /// still held, its history and its event; or nothing happens.
  ///
  /// - Parameters:
  ///   - order, saga: what else is set on the two rows.
  ///   - reason, note: for the history; `note` is an expression over the order `o`, put behind.
  ///   - only: a further condition for the order.
  /// - Returns: 1, or 0 if the order was not in such a state.
  /// - Throws: `LeaseLost` if the order could have moved but the lease's epoch has passed.
  private func transition(
    _ transition: OrderTransition, _ lease: SagaLease, order: SQL, saga: SQL,
    reason: String? = nil, note: SQL = "", only: SQL = ""
  ) async throws -> Int {
    try await database.transaction { transaction in
      let moved = try await transaction.first(
        """
        WITH before AS (
          SELECT id, state FROM orders
          WHERE id = \(lease.order.id) AND state = ANY(\(transition.from)) \(only) FOR UPDATE
        ), moved AS (
          UPDATE orders SET state = \(transition.to), version = orders.version + 1, \(order)
          FROM before WHERE orders.id = before.id
          RETURNING \(MovedOrder.columns), before.state AS from_state, orders.cancel_note,
            orders.cart_id, orders.coupon_code
        ), led AS (
          UPDATE sagas s SET \(saga),
            log = \(Self.logged(lease.step.rawValue, "order \(transition.to.rawValue)"))
          FROM moved WHERE \(Self.held(lease)) AND s.order_id = moved.id
          RETURNING s.id
        ), told AS (
          INSERT INTO order_history (order_id, from_state, to_state, actor, reason)
          SELECT o.id, o.from_state, o.state, \(lease.kind), \(reason)\(note) FROM moved o
        )
        SELECT moved.id, number, state, version, user_id, payment_id, currency, total, captured,
          refunded, cancel_reason, decline_code, (SELECT count(*) FROM led), cart_id,
          coupon_code IS NOT NULL
        FROM moved
        """
      ) { row in
        (
          order: try MovedOrder(&row), led: try row.next(as: Int.self),
          bound: BoundOrder(
            id: lease.order.id, cart: try row.next(), hasCoupon: try row.next())
        )
      }
      guard let moved else { return 0 }
      guard moved.led == 1 else { throw LeaseLost() }
      try await moved.bound.follow(transition, in: transaction)
      if let event = transition.event {
        try await outbox.append(try moved.order.event(event), in: transaction)
      }
      return 1
    }
  }

  // MARK: Pieces of statements

  static func held(_ lease: SagaLease) -> SQL {
    "s.id = \(lease.id) AND s.epoch = \(lease.epoch) AND s.state = 'running'"
  }

  private static func progress(to step: CheckoutSaga.Step) -> SQL {
    """
    step = \(step), direction = \(step.direction), attempts = 0, progressed_at = now(),
    parked_at = NULL, last_error = NULL
    """
  }

  private static func due(after pause: Duration) -> SQL {
    """
    next_run_at = CASE WHEN s.woken THEN now() ELSE now() + \(seconds(pause)) END, woken = false
    """
  }

  /// The payment token and the customer's next action are forgotten.
  static var finished: SQL {
    """
    state = 'done', finished_at = now(), lease_until = now(), input = NULL, next_action = NULL,
    attempts = 0, parked_at = NULL, last_error = NULL
    """
  }

  /// The log with one more line; the oldest is dropped from a full one.
  static func logged(_ step: String, _ what: String) -> SQL {
    let entry: SQL = """
      jsonb_build_array(jsonb_build_object(
        'at', now(), 'epoch', s.epoch, 'step', \(step), 'what', \(String(what.prefix(300)))))
      """
    return "(CASE WHEN jsonb_array_length(s.log) < 100 THEN s.log ELSE s.log - 0 END) || \(entry)"
  }

  private static func figures(_ figures: PaymentFigures?) -> SQL {
    let figures = figures ?? .unknown
    return """
      authorized = \(figures.authorized), captured = \(figures.captured),
      refunded = \(figures.refunded), payment_voided = \(figures.isVoided),
      payment_version = \(figures.version)
      """
  }

  /// Sets the payment's figures unless later ones are known.
  static func paid(_ figures: PaymentFigures?) -> SQL {
    let figures = figures ?? .unknown
    let isLater: SQL = "orders.payment_version < \(figures.version)"
    return """
      authorized = CASE WHEN \(isLater) THEN \(figures.authorized) ELSE authorized END,
      captured = CASE WHEN \(isLater) THEN \(figures.captured) ELSE captured END,
      refunded = CASE WHEN \(isLater) THEN \(figures.refunded) ELSE refunded END,
      payment_voided = CASE WHEN \(isLater) THEN \(figures.isVoided) ELSE payment_voided END,
      payment_version = greatest(payment_version, \(figures.version))
      """
  }

  private static func cancelled(_ cancellation: Cancellation) throws -> SQL {
    let shortages =
      cancellation.shortages.isEmpty
      ? nil : JSONText(try JSONEncoding.encode(cancellation.shortages))
    return """
      cancel_reason = \(cancellation.reason), decline_code = \(cancellation.declineCode),
      shortages = \(shortages)
      """
  }
}

extension SagaLease {
  init(_ id: ID<SagaLease>, _ row: inout Row) throws {
    self.id = id
    kind = try row.next()
    reference = try row.next()
    epoch = try row.next()
    let orderID: OrderID = try row.next()
    let userID: UserID? = try row.next()
    let currency: Currency = try row.next()
    order = CheckoutOrder(
      id: orderID, userID: userID, total: try row.money(currency), captureMode: try row.next(),
      paymentID: try row.next())
    guard let input = try row.json(as: SagaInput.self) else {
      throw PostgresError.invalid("a running saga has no input")
    }
    self.input = input
    step = try row.next()
    orderState = try row.next()
    cancelRequested = try row.next()
    attempts = try row.next()
    progressedAt = try row.next()
    isParked = try row.next()
    deadline = try row.next()
    traceparent = try row.next()
  }

  func advanced(to step: CheckoutSaga.Step, cancelRequested: Bool) -> SagaLease {
    var advanced = self
    advanced.step = step
    advanced.cancelRequested = cancelRequested
    advanced.attempts = 0
    advanced.isParked = false
    advanced.progressedAt = .now()
    return advanced
  }
}

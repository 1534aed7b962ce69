import Postgres
import ServiceKit
import SharedKernel

/// Orders in the schema `orders`.
///
/// Whoever changes an order and its saga in one transaction locks the order's row first.
struct OrderRepository: OrderStore {
  let database: Database
  let outbox: Outbox
  let holder: LeaseHolder

  // MARK: Reading

  func order(_ id: OrderID) async throws -> Order? {
    let heads = try await database.query(
      .named(
        "order.by-id",
        "SELECT \(OrderHead.columns) FROM \(OrderHead.table) WHERE o.id = \(id)"),
      OrderHead.init)
    return try await complete(heads).first
  }

  /// A choice of two is written out, never bound: only so does the planner find a partial index.
  static func conditions(_ filter: OrderFilter) -> [SQL] {
    var conditions: [SQL] = []
    if let userID = filter.userID { conditions.append("o.user_id = \(userID)") }
    if let state = filter.state { conditions.append("o.state = \(state)") }
    if let from = filter.from { conditions.append("o.created_at >= \(from)") }
    if let to = filter.to { conditions.append("o.created_at < \(to)") }
    if let email = filter.email { conditions.append("o.email = \(email)") }
    if let number = filter.number { conditions.append("o.number = \(number)") }
    if let attention = filter.needsAttention {
      conditions.append(attention ? "o.attention" : "NOT o.attention")
    }
    if let status = filter.paymentStatus { conditions.append(condition(status)) }
    return conditions
  }

  /// As `PaymentStatus.init` derives it.
  private static func condition(_ status: PaymentStatus) -> SQL {
    switch status {
    case .none: "(o.authorized = 0 AND o.captured = 0 AND NOT o.payment_voided)"
    case .authorized: "(o.authorized > 0 AND o.captured = 0 AND NOT o.payment_voided)"
    case .captured: "(o.captured > 0 AND o.refunded = 0)"
    case .partiallyRefunded: "(o.refunded > 0 AND (o.refunded < o.captured OR \(isHeld)))"
    case .refunded: "(o.captured > 0 AND o.refunded = o.captured AND NOT \(isHeld))"
    case .voided: "(o.captured = 0 AND o.payment_voided)"
    }
  }

  /// As `PaymentFigures.isHeld`.
  private static let isHeld: SQL = "(NOT o.payment_voided AND o.authorized > o.captured)"

  /// The orders with their lines and addresses.
  private func complete(_ heads: [OrderHead]) async throws -> [Order] {
    if heads.isEmpty { return [] }
    let ids = heads.map(\.id)
    async let lines = database.query(
      """
      SELECT l.order_id, l.id, l.variant_id, l.product_id, l.name, l.sku, o.currency,
        l.unit_amount, l.quantity, l.discount, l.tax, l.total, l.shipped, l.refunded_qty
      FROM order_lines l JOIN orders o ON o.id = l.order_id
      WHERE l.order_id = ANY(\(ids.tenOrMore)) ORDER BY l.order_id, l.position
      """
    ) { (try $0.next(as: OrderID.self), try OrderLine(&$0)) }
    async let addresses = database.query(
      """
      SELECT order_id, kind, name, line1, line2, city, region, postal_code, country, phone
      FROM order_addresses WHERE order_id = ANY(\(ids.tenOrMore))
      """
    ) { (try $0.next(as: OrderID.self), try $0.next(as: String.self), try PostalAddress(&$0)) }
    // Most orders have neither shipments nor refunds: theirs are not looked for.
    let followed = heads.filter(\.hasFollowUps).map(\.id)
    let shipmentsOf = followed.isEmpty ? [:] : try await shipments(of: followed)
    let refundsOf = followed.isEmpty ? [:] : try await refunds(of: followed)
    let linesOf = Dictionary(grouping: try await lines) { $0.0 }
    let addressesOf = Dictionary(grouping: try await addresses) { $0.0 }
    return try heads.map { head in
      let addresses = addressesOf[head.id, default: []]
      return try head.order(
        lines: linesOf[head.id, default: []].map(\.1),
        shipping: addresses.first { $0.1 == "shipping" }?.2,
        billing: addresses.first { $0.1 == "billing" }?.2,
        shipments: shipmentsOf[head.id, default: []], refunds: refundsOf[head.id, default: []])
    }
  }

  func history(of id: OrderID) async throws -> [HistoryEntry]? {
    let entries = try await database.query(
      """
      SELECT at, from_state, to_state, actor, reason FROM order_history
      WHERE order_id = \(id) ORDER BY id
      """
    ) {
      HistoryEntry(
        at: try $0.next(), from: try $0.next(), to: try $0.next(), actor: try $0.next(),
        reason: try $0.next())
    }
    // Every order's history begins with its acceptance.
    return entries.isEmpty ? nil : entries
  }

  func placed(principal: String, key: String) async throws -> PlacedOrder? {
    try await database.first(
      "SELECT id, fingerprint FROM orders WHERE principal = \(principal) AND idem_key = \(key)"
    ) { PlacedOrder(id: try $0.next(), fingerprint: try $0.next()) }
  }

  // MARK: Accepting (T0)

  func accept(_ new: NewOrder) async throws -> Acceptance {
    do {
      return try await tryAccepting(new)
    } catch let heldUp as AcceptanceHeldUp {
      // It has waited for the first holder of its key, or for somebody who is changing its cart.
      if let cart = new.request.cart, try await isBeingChanged(cart.id) { throw heldUp.timeout }
      throw OrderError.keyInProgress
    }
  }

  /// The statement that makes an order was not granted a lock in time.
  private struct AcceptanceHeldUp: Error {
    let timeout: PostgresError
  }

  /// Whether somebody holds the cart to change or to remove it. Who makes an order of it lets others refer
  /// to it meanwhile.
  private func isBeingChanged(_ cart: CartID) async throws -> Bool {
    try await database.value(
      """
      WITH free AS (SELECT id FROM carts WHERE id = \(cart) FOR KEY SHARE SKIP LOCKED)
      SELECT count(*) FROM free
      """, as: Int.self) == 0
  }

  private func tryAccepting(_ new: NewOrder) async throws -> Acceptance {
    let accepted: SagaLease? = try await database.transaction { transaction in
      let id = OrderID.new()
      let order = CheckoutOrder(
        id: id, userID: new.userID, total: new.quote.totals.total, captureMode: new.captureMode,
        paymentID: .new())
      let input = SagaInput(
        paymentToken: new.request.paymentToken ?? "", captureId: .new(),
        lines: new.quote.lines.map {
          SagaInput.Line(variantId: $0.variant.variantID, quantity: $0.quantity)
        })
      let saga = ID<SagaLease>.new()
      let statement = try acceptStatement(new, order, saga, input)
      let number: Int64?
      do {
        number = try await transaction.value(statement)
      } catch let error as PostgresError where error.isLockTimeout {
        throw AcceptanceHeldUp(timeout: error)
      }
      guard let number else { return nil }
      try await bind(new, to: id, in: transaction)
      try await outbox.append(
        EventDraft(
          type: "order.created", subject: "\(id)", version: 1,
          data: OrderEvent(
            orderId: id, number: number, state: .pending, version: 1, userId: new.userID,
            paymentId: order.paymentID, total: order.total, captured: 0, refunded: 0,
            cancelReason: nil, declineCode: nil)), in: transaction)
      return SagaLease(
        id: saga, kind: .checkout, reference: id.uuid, epoch: 1, order: order, input: input,
        step: .hold,
        orderState: .pending, cancelRequested: false, attempts: 0,
        progressedAt: new.acceptedAt, isParked: false, deadline: new.deadline,
        traceparent: RequestScope.current?.trace.traceparent)
    }
    if let accepted { return .accepted(accepted) }
    guard let placed = try await placed(principal: new.key.principal, key: new.key.key) else {
      // Orders are never deleted.
      throw PostgresError.invalid("an order's key is taken, but not by an order")
    }
    return .existing(placed)
  }

  /// Locks the order's cart and counts its coupon's use: in this order wherever both are touched.
  private func bind(
    _ new: NewOrder, to order: OrderID, in transaction: Transaction
  ) async throws {
    if let cart = new.request.cart {
      try await CartRepository(runner: transaction).lock(cart, for: order)
    }
    if let coupon = new.quote.coupon,
      let customer = CouponCustomer(user: new.userID, email: new.request.email)
    {
      try await CouponRepository(runner: transaction).use(
        coupon, by: customer, for: order, subtotal: new.quote.totals.subtotal,
        at: new.acceptedAt)
    }
  }

  /// One statement for all rows, since each round trip would hold the transaction open longer. No row
  /// comes back if the key is taken: waits for one who is just taking it.
  private func acceptStatement(
    _ new: NewOrder, _ order: CheckoutOrder, _ saga: ID<SagaLease>, _ input: SagaInput
  ) throws -> SQL {
    let totals = new.quote.totals
    let lines = new.quote.lines
    let shipping = new.quote.address
    let billing = new.request.billingAddress
    let trace = RequestScope.current?.trace.traceparent
    let order: SQL = """
      WITH accepted AS (
        INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, user_id, email,
          note, currency, subtotal, discount, shipping, tax, tax_added, total, payment_id, state,
          cart_id, coupon_code, shipping_method_id, shipping_method)
        VALUES (\(order.id), \(new.key.principal), \(new.key.key), \(new.key.fingerprint),
          \(order.captureMode), \(order.userID), \(new.request.email), \(new.request.note),
          \(totals.total.currency), \(totals.subtotal.minorUnits), \(totals.discount.minorUnits),
          \(totals.shipping.minorUnits), \(totals.tax.minorUnits), \(totals.taxAdded.minorUnits),
          \(totals.total.minorUnits), \(order.paymentID), 'pending',
          \(new.request.cart?.id), \(new.quote.coupon?.code), \(new.quote.method?.id),
          \(new.quote.method?.name))
        ON CONFLICT ON CONSTRAINT orders_key DO NOTHING
        RETURNING id, number
      )
      """
    let parts: SQL = """
      , lines AS (
        INSERT INTO order_lines (id, order_id, position, variant_id, product_id, name, sku,
          unit_amount, quantity, discount, tax, total)
        SELECT l.id, accepted.id, l.position - 1, l.variant_id, l.product_id, l.name, l.sku,
          l.unit_amount, l.quantity, l.discount, l.tax, l.unit_amount * l.quantity - l.discount
        FROM accepted, unnest(\(lines.map { _ in ID<OrderLine>.new() }),
          \(lines.map { $0.variant.variantID }), \(lines.map { $0.variant.productID }),
          \(lines.map { $0.variant.name }), \(lines.map { $0.variant.sku }),
          \(lines.map { $0.unitPrice.minorUnits }), \(lines.map { Int32($0.quantity) }),
          \(lines.map { $0.discount.minorUnits }), \(lines.map { $0.tax.minorUnits })
        ) WITH ORDINALITY
          AS l (id, variant_id, product_id, name, sku, unit_amount, quantity, discount, tax,
            position)
      ), shipping_address AS (
        INSERT INTO order_addresses (order_id, kind, name, line1, line2, city, region,
          postal_code, country, phone)
        SELECT id, 'shipping', \(shipping.name), \(shipping.line1), \(shipping.line2),
          \(shipping.city), \(shipping.region), \(shipping.postalCode), \(shipping.country),
          \(shipping.phone)
        FROM accepted
      ), billing_address AS (
        INSERT INTO order_addresses (order_id, kind, name, line1, line2, city, region,
          postal_code, country, phone)
        SELECT id, 'billing', \(billing?.name), \(billing?.line1), \(billing?.line2),
          \(billing?.city), \(billing?.region), \(billing?.postalCode), \(billing?.country),
          \(billing?.phone)
        FROM accepted WHERE \(billing != nil)
      ), told AS (
        INSERT INTO order_history (order_id, to_state, actor)
        SELECT id, 'pending', \(new.userID.map { "user:\($0)" } ?? "anon") FROM accepted
      )
      """
    let json = JSONText(try JSONEncoding.encode(input))
    let begun: SQL = """
      , begun AS (
        INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, deadline, input,
          traceparent, lease_until, holder)
        SELECT \(saga), 'checkout', id, id, \(CheckoutSaga.Step.hold), 'forward',
          \(new.deadline), \(json), \(trace), now() + \(seconds(new.lease)),
          \(holder.name)
        FROM accepted
      )
      SELECT number FROM accepted
      """
    return order + parts + begun
  }

  // MARK: Cancelling

  func cancel(_ id: OrderID, _ request: CancelRequest) async throws {
    try await database.transaction { transaction in
      let state: OrderState? = try await transaction.value(
        "SELECT state FROM orders WHERE id = \(id) FOR UPDATE")
      switch state {
      case nil:
        throw NotFound("order")
      case .pending, .awaitingPayment:
        try await transaction.send(
          """
          UPDATE orders SET cancel_requested = true, cancel_note = \(request.reason),
            version = version + 1
          WHERE id = \(id) AND NOT cancel_requested
          """)
        try await transaction.send(
          """
          UPDATE sagas SET woken = true, next_run_at = now()
          WHERE order_id = \(id) AND state = 'running'
          """)
      case .cancelling, .cancelled:
        return
      case .confirmed:
        try await beginCancelling(id, request, in: transaction)
      case .partiallyShipped?, .shipped?, .delivered?:
        throw OrderError.invalidTransition(from: state ?? .shipped, to: .cancelling)
      }
    }
  }

  /// Transition 7: the saga of kind `cancel` goes the way back that checkout would have gone.
  private func beginCancelling(
    _ id: OrderID, _ request: CancelRequest, in transaction: Transaction
  ) async throws {
    let running = try await transaction.value(
      "SELECT count(*) FROM sagas WHERE order_id = \(id) AND state = 'running'", as: Int.self)
    guard running == 0 else { throw OrderError.operationInProgress }
    let moved = try await transaction.first(
      """
      UPDATE orders SET state = \(OrderTransition.cancel.to), cancel_requested = true,
        cancel_note = \(request.reason), cancel_reason = \(CancelReason.requested),
        version = version + 1
      WHERE id = \(id) AND state = \(OrderState.confirmed)
      RETURNING \(MovedOrder.columns)
      """, MovedOrder.init)
    guard let moved else { return }
    let first: CheckoutSaga.Step = moved.total.minorUnits > 0 ? .cancelPayment : .releaseHold
    try await transaction.send(
      """
      INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, input, traceparent)
      VALUES (\(ID<SagaLease>.new()), 'cancel', \(id), \(id), \(first), 'backward',
        \(JSONText(try JSONEncoding.encode(SagaInput.empty))),
        \(RequestScope.current?.trace.traceparent))
      """)
    try await transaction.send(
      """
      INSERT INTO order_history (order_id, from_state, to_state, actor, reason)
      VALUES (\(id), \(OrderState.confirmed), \(moved.state), \(request.actor),
        \(request.reason))
      """)
    try await outbox.append(
      try moved.event("order.cancellation_requested"), in: transaction)
  }
}

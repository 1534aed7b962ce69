import Postgres
import ServiceKit
import SharedKernel

// How the slice's values stand in rows.

extension OrderState: SQLEncodable, SQLDecodable, SQLArrayElement {
  static var sqlArrayType: SQLType { String.sqlArrayType }
}
extension CaptureMode: SQLEncodable, SQLDecodable {}
extension CancelReason: SQLEncodable, SQLDecodable {}
extension CheckoutSaga.Step: SQLEncodable, SQLDecodable {}
extension CheckoutSaga.Direction: SQLEncodable, SQLDecodable {}
extension SagaKind: SQLEncodable, SQLDecodable {}

/// A duration as an interval.
func seconds(_ duration: Duration) -> SQL {
  let (seconds, attoseconds) = duration.components
  return "make_interval(secs => \(Double(seconds) + Double(attoseconds) / 1e18))"
}

/// An order without what is in other tables.
struct OrderHead {
  static let columns: SQL = """
    o.id, o.number, o.state, o.user_id, o.email, o.locale, o.note, o.capture_mode, o.currency,
    o.subtotal, o.discount, o.shipping, o.tax, o.tax_added, o.payment_id, o.authorized, o.captured,
    o.refunded, o.payment_voided, o.payment_version,
    CASE WHEN o.state = 'awaiting_payment' THEN s.next_action END, o.cancel_reason, o.decline_code,
    o.shortages, o.cancel_requested, o.attention, o.version, o.created_at, o.coupon_code,
    o.shipping_method_id, o.shipping_method,
    EXISTS (SELECT FROM order_commands c WHERE c.order_id = o.id)
    """
  static let table: SQL = """
    orders o LEFT JOIN sagas s ON s.order_id = o.id AND s.state = 'running'
    """

  let id: OrderID
  let number: Int64
  let state: OrderState
  let userID: UserID?
  let email: String?
  let locale: String?
  let note: String?
  let captureMode: CaptureMode
  let totals: OrderTotals
  let paymentID: PaymentID
  let payment: PaymentFigures
  let nextAction: NextAction?
  let cancellation: Cancellation?
  let cancelRequested: Bool
  let needsAttention: Bool
  let version: Int64
  let createdAt: Timestamp
  let couponCode: CouponCode?
  let shippingMethod: ChosenShipping?
  /// Whether shipments or refunds of it were ever begun.
  let hasFollowUps: Bool

  init(_ row: inout Row) throws {
    id = try row.next()
    number = try row.next()
    state = try row.next()
    userID = try row.next()
    email = try row.next()
    locale = try row.next()
    note = try row.next()
    captureMode = try row.next()
    let currency: Currency = try row.next()
    totals = try OrderTotals(
      subtotal: row.money(currency), discount: row.money(currency), shipping: row.money(currency),
      tax: row.money(currency), taxAdded: row.money(currency))
    paymentID = try row.next()
    payment = PaymentFigures(
      authorized: try row.next(), captured: try row.next(), refunded: try row.next(),
      isVoided: try row.next(), version: try row.next())
    nextAction = try row.json()
    let reason: CancelReason? = try row.next()
    let declineCode: String? = try row.next()
    let shortages: [Shortage]? = try row.json()
    cancellation = reason.map {
      Cancellation($0, declineCode: declineCode, shortages: shortages ?? [])
    }
    cancelRequested = try row.next()
    needsAttention = try row.next()
    version = try row.next()
    createdAt = try row.next()
    couponCode = try row.next()
    let method: ID<ShippingMethod>? = try row.next()
    let methodName: String? = try row.next()
    shippingMethod = method.map { ChosenShipping(id: $0, name: methodName ?? "") }
    hasFollowUps = try row.next()
  }

  func order(
    lines: [OrderLine], shipping: PostalAddress?, billing: PostalAddress?,
    shipments: [Shipment] = [], refunds: [Refund] = []
  ) throws -> Order {
    guard let shipping else {
      throw PostgresError.invalid("order \(id) has no shipping address")
    }
    return Order(
      id: id, number: number, state: state, userID: userID, email: email, locale: locale,
      note: note, captureMode: captureMode, lines: lines, totals: totals,
      shippingMethod: shippingMethod, couponCode: couponCode, shippingAddress: shipping,
      billingAddress: billing, paymentID: paymentID, payment: payment,
      nextAction: nextAction, cancellation: cancellation, cancelRequested: cancelRequested,
      needsAttention: needsAttention, version: version, createdAt: createdAt,
      shipments: shipments, refunds: refunds)
  }
}

extension OrderLine {
  init(_ row: inout Row) throws {
    id = try row.next()
    variantID = try row.next()
    productID = try row.next()
    name = try row.next()
    sku = try row.next()
    let currency: Currency = try row.next()
    unitPrice = try row.money(currency)
    quantity = try row.next()
    discount = try row.money(currency)
    tax = try row.money(currency)
    total = try row.money(currency)
    shipped = try row.next()
    refunded = try row.next()
  }
}

extension PostalAddress {
  init(_ row: inout Row) throws {
    name = try row.next()
    line1 = try row.next()
    line2 = try row.next()
    city = try row.next()
    region = try row.next()
    postalCode = try row.next()
    country = try row.next()
    phone = try row.next()
  }
}

/// What a transition's event says, as its statement returned it.
struct MovedOrder {
  static let columns: SQL = """
    orders.id, orders.number, orders.state, orders.version, orders.user_id, orders.payment_id,
    orders.currency, orders.total, orders.captured, orders.refunded, orders.cancel_reason,
    orders.decline_code
    """

  let id: OrderID
  let number: Int64
  let state: OrderState
  let version: Int64
  let userID: UserID?
  let paymentID: PaymentID
  let total: Money
  let captured: Int64
  let refunded: Int64
  let cancelReason: CancelReason?
  let declineCode: String?

  init(_ row: inout Row) throws {
    id = try row.next()
    number = try row.next()
    state = try row.next()
    version = try row.next()
    userID = try row.next()
    paymentID = try row.next()
    let currency: Currency = try row.next()
    total = try row.money(currency)
    captured = try row.next()
    refunded = try row.next()
    cancelReason = try row.next()
    declineCode = try row.next()
  }

  func event(
    _ type: String, shipment: ShipmentNote? = nil, refund: RefundNote? = nil
  ) throws -> EventDraft {
    try EventDraft(
      type: type, subject: "\(id)", version: Int(version),
      data: OrderEvent(
        orderId: id, number: number, state: state, version: version, userId: userID,
        paymentId: paymentID, total: total, captured: captured, refunded: refunded,
        cancelReason: cancelReason, declineCode: declineCode, shipment: shipment, refund: refund))
  }
}

extension Row {
  mutating func money(_ currency: Currency) throws -> Money {
    try Money(minorUnits: try next(), currency: currency)
  }

  /// A jsonb column; nil for NULL.
  mutating func json<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
    guard let json: JSONText = try next() else { return nil }
    return try JSONDecoding.decode(Value.self, from: Array(json.text.utf8))
  }
}

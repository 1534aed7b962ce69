import SharedKernel

/// What an event of an order tells: ids, states and amounts; never names, addresses or tokens.
struct OrderEvent: Encodable, Sendable {
  let orderId: OrderID
  let number: Int64
  let state: OrderState
  let version: Int64
  let userId: UserID?
  let paymentId: PaymentID
  let total: Money
  /// Minor units of the total's currency.
  let captured: Int64
  let refunded: Int64
  let cancelReason: CancelReason?
  let declineCode: String?
  /// With `order.shipped` and `order.delivered`.
  var shipment: ShipmentNote? = nil
  /// With `order.refunded`.
  var refund: RefundNote? = nil
}

/// The parcel that an event tells of.
struct ShipmentNote: Encodable, Sendable {
  let shipmentId: ID<Shipment>
  let carrier: String
  let trackingNumber: String
  let trackingUrl: String?
  let lines: [Units]

  init(_ id: ID<Shipment>, _ tracking: Tracking, _ lines: [Units]) {
    shipmentId = id
    carrier = tracking.carrier
    trackingNumber = tracking.trackingNumber
    trackingUrl = tracking.trackingUrl
    self.lines = lines
  }
}

/// The refund that an event tells of.
struct RefundNote: Encodable, Sendable {
  let refundId: ID<Refund>
  let amount: Money
  let restock: Bool
  let reason: String?
}

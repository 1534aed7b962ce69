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
}

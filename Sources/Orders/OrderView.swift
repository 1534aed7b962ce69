import SharedKernel

/// An order as it is answered.
struct OrderView: Encodable, Sendable {
  struct Line: Encodable, Sendable {
    let id: ID<OrderLine>
    let variantId: Int
    let productId: Int
    let name: String
    let sku: String
    let quantity: Int
    let unitPrice: Money
    let discount: Money
    let tax: Money
    let lineTotal: Money
    let shipped: Int
    let refunded: Int
  }

  struct Totals: Encodable, Sendable {
    let subtotal: Money
    let discount: Money
    let shipping: Money
    let tax: Money
    let total: Money

    init(_ totals: OrderTotals) {
      subtotal = totals.subtotal
      discount = totals.discount
      shipping = totals.shipping
      tax = totals.tax
      total = totals.total
    }
  }

  struct AppliedCoupon: Encodable, Sendable {
    let code: CouponCode
  }

  struct Addresses: Encodable, Sendable {
    let shipping: PostalAddress
    let billing: PostalAddress?
  }

  let id: OrderID
  let number: String
  let state: OrderState
  let paymentStatus: PaymentStatus
  let fulfilmentStatus: FulfilmentStatus
  let userId: UserID?
  let email: String?
  let locale: String?
  let note: String?
  let lines: [Line]
  let totals: Totals
  let addresses: Addresses
  let shippingMethod: ChosenShipping?
  let coupon: AppliedCoupon?
  /// nil for an order that costs nothing: it has no payment.
  let paymentId: PaymentID?
  let shipments: [ShipmentView]
  let refunds: [RefundView]
  /// Without its access token where others than the order's owner look.
  let nextAction: NextAction?
  let cancelReason: CancelReason?
  let declineCode: String?
  let cancelRequested: Bool
  let attention: Bool
  /// Lets a guest back in.
  let accessToken: String?
  let version: Int64
  let createdAt: Timestamp

  /// - Parameters:
  ///   - isForOwner: whether it is the order's owner who is told, who alone may act on the payment.
  ///   - accessToken: lets a guest back in.
  init(_ order: Order, isForOwner: Bool, accessToken: String? = nil) {
    id = order.id
    number = "\(order.number)"
    state = order.state
    paymentStatus = order.paymentStatus
    fulfilmentStatus = order.fulfilmentStatus
    userId = order.userID
    email = order.email
    locale = order.locale
    note = order.note
    lines = order.lines.map {
      Line(
        id: $0.id, variantId: $0.variantID, productId: $0.productID, name: $0.name, sku: $0.sku,
        quantity: $0.quantity, unitPrice: $0.unitPrice, discount: $0.discount, tax: $0.tax,
        lineTotal: $0.total, shipped: $0.shipped, refunded: $0.refunded)
    }
    totals = Totals(order.totals)
    addresses = Addresses(shipping: order.shippingAddress, billing: order.billingAddress)
    shippingMethod = order.shippingMethod
    coupon = order.couponCode.map(AppliedCoupon.init)
    paymentId = order.totals.total.minorUnits > 0 ? order.paymentID : nil
    shipments = order.shipments.map(ShipmentView.init)
    refunds = order.refunds.map(RefundView.init)
    nextAction = isForOwner ? order.nextAction : order.nextAction?.withoutAccessToken
    cancelReason = order.cancellation?.reason
    declineCode = order.cancellation?.declineCode
    cancelRequested = order.cancelRequested
    attention = order.needsAttention
    self.accessToken = accessToken
    version = order.version
    createdAt = order.createdAt
  }
}

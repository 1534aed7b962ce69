import SharedKernel

/// A cart as it is answered, at the prices of the moment.
struct CartView: Encodable, Sendable {
  struct Line: Encodable, Sendable {
    let variantId: Int
    /// As all that follows: nil for what is not for sale any more.
    let productId: Int?
    let name: String?
    let quantity: Int
    let unitPrice: Money?
    let lineTotal: Money?
    let available: Int
  }

  struct AppliedCoupon: Encodable, Sendable {
    let code: CouponCode
    let applicable: Bool
    /// Why it gives nothing at the moment.
    let reason: CouponRefusal?
  }

  struct Shipping: Encodable, Sendable {
    let address: PostalAddress
    let methodId: ID<ShippingMethod>
    /// nil for a method that is gone, or does not go there any more.
    let method: String?
  }

  let id: CartID
  let userId: UserID?
  let currency: Currency
  let status: Cart.Status
  let lines: [Line]
  let coupon: AppliedCoupon?
  let shipping: Shipping?
  let totals: OrderView.Totals
  /// The order in checkout, or the confirmed one.
  let orderId: OrderID?
  /// Lets a guest back in.
  let accessToken: String?
  let version: Int

  init(_ priced: PricedCart, accessToken: String?) {
    let cart = priced.cart
    id = cart.id
    userId = cart.userID
    currency = cart.currency
    status = cart.status
    lines = priced.lines.map { line in
      Line(
        variantId: line.line.variantID, productId: line.offer?.productID, name: line.offer?.name,
        quantity: line.line.quantity, unitPrice: line.offer?.price, lineTotal: line.amount,
        available: line.offer?.available ?? 0)
    }
    coupon = cart.couponCode.map {
      AppliedCoupon(
        code: $0, applicable: priced.couponRefusal == nil, reason: priced.couponRefusal)
    }
    shipping = cart.delivery.map {
      Shipping(address: $0.address, methodId: $0.methodId, method: priced.method?.name)
    }
    totals = OrderView.Totals(priced.totals)
    orderId = cart.orderID
    self.accessToken = accessToken
    version = cart.version
  }
}

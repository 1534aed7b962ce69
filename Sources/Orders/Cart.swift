import SharedKernel

typealias CartID = ID<Cart>

/// What somebody is about to buy. Prices are not part of it: they are asked for whenever it is looked
/// at, and become binding in the order alone.
struct Cart: Hashable, Sendable {
  enum Status: String, Codable, Sendable, CaseIterable {
    case open
    /// An order of it is in checkout.
    case locked
    /// Its order was confirmed.
    case converted
    case abandoned
  }

  struct Line: Hashable, Sendable {
    let variantID: Int
    /// 1 through `OrderRequest.quantityMax`.
    var quantity: Int
  }

  /// Where it goes, and how.
  struct Delivery: Codable, Hashable, Sendable {
    let address: PostalAddress
    let methodId: ID<ShippingMethod>
  }

  let id: CartID
  /// The owner; nil for a guest's cart, whose owner holds its access token.
  let userID: UserID?
  let currency: Currency
  var status: Status
  /// In the order they were first added; at most `OrderRequest.itemsMax`, of distinct variants.
  var lines: [Line]
  var couponCode: CouponCode?
  var delivery: Delivery?
  /// The order in checkout, or the confirmed one.
  let orderID: OrderID?
  /// The user's cart that a guest's went into.
  var mergedInto: CartID?
  /// As it is stored; rises with each change.
  let version: Int

  /// - Throws: `CartError.notOpen`.
  func requireOpen() throws(CartError) {
    guard status == .open else { throw .notOpen(status, orderID) }
  }

  func quantity(of variantID: Int) -> Int {
    lines.first { $0.variantID == variantID }?.quantity ?? 0
  }

  /// - Parameter quantity: 0 removes the line.
  /// - Throws: `ValidationFailure` past the bounds of an order.
  mutating func set(_ quantity: Int, of variantID: Int) throws(ValidationFailure) {
    guard (0...OrderRequest.quantityMax).contains(quantity) else {
      throw ValidationFailure(
        "/quantity", "out_of_range", "must be 0 to \(OrderRequest.quantityMax) in all")
    }
    if let place = lines.firstIndex(where: { $0.variantID == variantID }) {
      if quantity == 0 { lines.remove(at: place) } else { lines[place].quantity = quantity }
    } else if quantity > 0 {
      guard lines.count < OrderRequest.itemsMax else {
        throw ValidationFailure(
          "/quantity", "out_of_range", "a cart has \(OrderRequest.itemsMax) lines at most")
      }
      lines.append(Line(variantID: variantID, quantity: quantity))
    }
  }

  /// Takes in what a guest has put into `guest`: quantities add up, as far as an order may have; what
  /// this cart has not said itself is the guest's.
  mutating func merge(_ guest: Cart) {
    for line in guest.lines {
      let sum = min(quantity(of: line.variantID) + line.quantity, OrderRequest.quantityMax)
      if let place = lines.firstIndex(where: { $0.variantID == line.variantID }) {
        lines[place].quantity = sum
      } else if lines.count < OrderRequest.itemsMax {
        lines.append(Line(variantID: line.variantID, quantity: sum))
      }
    }
    couponCode = couponCode ?? guest.couponCode
    delivery = delivery ?? guest.delivery
  }
}

/// Why a cart, or a coupon in it, cannot be used so.
enum CartError: Error, Hashable {
  case couponNotApplicable(CouponRefusal)
  case notOpen(Cart.Status, OrderID?)
  /// Its user has an open one in another currency.
  case otherCurrency(CartID, Currency)
  /// Somebody has changed it since it was read.
  case changedMeanwhile
}

extension CartError: Failure {
  var kind: FailureKind {
    switch self {
    case .couponNotApplicable: .couponNotApplicable
    case .notOpen: .cartNotOpen
    case .otherCurrency: .duplicateResource
    case .changedMeanwhile: .operationInProgress
    }
  }

  var detail: String {
    switch self {
    case .couponNotApplicable(let refusal): refusal.detail
    case .notOpen(.locked, _): "An order of this cart is in checkout."
    case .notOpen(.converted, _): "This cart has been bought."
    case .notOpen: "This cart is closed."
    case .otherCurrency(_, let currency): "You have an open cart in \(currency)."
    case .changedMeanwhile: "This was changed while it was being bought."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .couponNotApplicable(let refusal): ["reason": .text(refusal.rawValue)]
    case .notOpen(_, let order?): ["orderId": .text("\(order)")]
    case .otherCurrency(let cart, _): ["field": "currency", "cartId": .text("\(cart)")]
    case .notOpen, .changedMeanwhile: [:]
    }
  }
}

extension CouponRefusal {
  fileprivate var detail: String {
    switch self {
    case .unknown: "There is no such coupon."
    case .notStarted: "This coupon is not good yet."
    case .ended: "This coupon is not good any more."
    case .otherCurrency: "This coupon is for another currency."
    case .subtotalTooSmall: "This coupon is for larger purchases."
    case .usedUp: "This coupon has been used as often as it may."
    case .usedByCustomer: "You have used this coupon as often as you may."
    }
  }
}

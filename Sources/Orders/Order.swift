import SharedKernel

typealias OrderID = ID<Order>
typealias PaymentID = ID<PaymentFigures>

/// One order: what was bought at which prices, where it goes, and how far it has come.
struct Order: Sendable {
  let id: OrderID
  /// For people; never a credential.
  let number: Int64
  let state: OrderState
  /// The owner; nil for a guest's order, whose owner holds its access token.
  let userID: UserID?
  let email: String?
  let locale: String?
  let note: String?
  let captureMode: CaptureMode
  let lines: [OrderLine]
  let totals: OrderTotals
  /// nil where the shop had none.
  let shippingMethod: ChosenShipping?
  let couponCode: CouponCode?
  let shippingAddress: PostalAddress
  let billingAddress: PostalAddress?
  let paymentID: PaymentID
  let payment: PaymentFigures
  /// What the customer has to do for the payment, while the order awaits it.
  let nextAction: NextAction?
  let cancellation: Cancellation?
  let cancelRequested: Bool
  /// A person should look at it: its saga does not come forward.
  let needsAttention: Bool
  let version: Int64
  let createdAt: Timestamp
  /// Oldest first, failed ones included.
  var shipments: [Shipment] = []
  var refunds: [Refund] = []

  var paymentStatus: PaymentStatus { PaymentStatus(payment) }

  var fulfilmentStatus: FulfilmentStatus {
    FulfilmentStatus(
      shipped: lines.reduce(0) { $0 + $1.shipped }, ordered: lines.reduce(0) { $0 + $1.quantity })
  }
}

/// When the money is taken: with the confirmation, or share by share as goods are shipped.
enum CaptureMode: String, Codable, Sendable, CaseIterable {
  case automatic, manual
}

/// How an order is delivered, by the name that it had when the order was accepted.
struct ChosenShipping: Encodable, Sendable {
  let id: ID<ShippingMethod>
  let name: String
}

/// One variant in an order, with the name and price that it had when the order was accepted.
struct OrderLine: Sendable {
  let id: ID<OrderLine>
  let variantID: Int
  let productID: Int
  let name: String
  let sku: String
  let unitPrice: Money
  /// 1 through 999.
  let quantity: Int
  let discount: Money
  let tax: Money
  let total: Money
  /// Units that have left the house.
  let shipped: Int
  /// Units that were paid back.
  let refunded: Int
}

/// Where goods or bills go.
struct PostalAddress: Codable, Hashable, Sendable {
  let name: String
  let line1: String
  let line2: String?
  let city: String
  let region: String?
  let postalCode: String
  /// ISO 3166-1 alpha-2.
  let country: String
  let phone: String?
}

/// The payment's absolute figures in minor units of the order's currency, as the payment service
/// told them. They replace what was known, if their version is later; nothing is ever added up.
struct PaymentFigures: Hashable, Sendable {
  let authorized: Int64
  let captured: Int64
  let refunded: Int64
  /// Cancelled or expired: what was authorised has been let go.
  let isVoided: Bool
  /// The payment's own version; 0 before it has told anything.
  let version: Int64

  /// Whether money is held that may yet be captured.
  var isHeld: Bool { !isVoided && authorized > captured }

  static let unknown = PaymentFigures(
    authorized: 0, captured: 0, refunded: 0, isVoided: false, version: 0)
}

/// What a customer has to do before a payment can go on.
struct NextAction: Codable, Hashable, Sendable {
  let type: String
  let url: String
  /// Lets a guest act on the payment.
  let accessToken: String?

  /// For those who are not to act on the payment in the guest's place.
  var withoutAccessToken: NextAction { NextAction(type: type, url: url, accessToken: nil) }
}

/// Why an order ended without goods.
struct Cancellation: Hashable, Sendable {
  let reason: CancelReason
  /// The provider's word, for a declined payment.
  let declineCode: String?
  /// What was missing, for an order without stock.
  let shortages: [Shortage]

  init(_ reason: CancelReason, declineCode: String? = nil, shortages: [Shortage] = []) {
    self.reason = reason
    self.declineCode = declineCode
    self.shortages = shortages
  }
}

enum CancelReason: String, Codable, Sendable, CaseIterable {
  /// There was not enough stock to hold.
  case insufficientStock = "insufficient_stock"
  case paymentDeclined = "payment_declined"
  /// The payment was closed from elsewhere, or will never do.
  case paymentRefused = "payment_refused"
  case captureRefused = "capture_refused"
  /// The held stock was lost before it could be committed.
  case holdLost = "hold_lost"
  /// Checkout was not done by its deadline.
  case timedOut = "timed_out"
  /// The customer or staff asked for it.
  case requested
}

/// A variant of which there is less than was ordered.
struct Shortage: Codable, Hashable, Sendable {
  let variantId: Int
  let available: Int
}

/// One step in an order's life.
struct HistoryEntry: Codable, Sendable {
  let at: Timestamp
  let from: OrderState?
  let to: OrderState
  /// `user:<id>`, `anon`, or the kind of the saga.
  let actor: String
  let reason: String?
}

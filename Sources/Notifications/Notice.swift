import SharedKernel

/// What an event of another service is worth telling, and to whom.
struct Notice: Hashable, Sendable {
  let type: String
  let recipient: Recipient
  /// What the text needs.
  let params: [String: String]
}

/// The facts of an order's event that notices are made of.
struct OrderFacts: Decodable, Sendable {
  let number: Int64?
  let userId: UserID?
  let cancelReason: String?
  let total: Money?
  /// Minor units of the total's currency.
  let refunded: Int64?
  var shipment: ShipmentFacts?
}

/// How a shipment travels, and what it is followed by.
struct ShipmentFacts: Decodable, Sendable {
  let carrier: String?
  let trackingNumber: String?
}

/// The facts of a payment's event that notices are made of.
struct PaymentFacts: Decodable, Sendable {
  let orderId: UUID128
  let userId: UserID?
  let amount: Int64?
  let operationAmount: Int64?
  let currency: Currency?
}

/// The facts of an account's event that notices are made of.
struct UserFacts: Decodable, Sendable {
  /// What its link is asked for by.
  let actionId: UUID128?
}

/// The facts of an event about stock that notices are made of.
struct StockFacts: Decodable, Sendable {
  let sku: String?
  let available: Int64?
}

extension Notice {
  /// The types of each feed that people are told of.
  static let orderTypes = [
    "order.confirmed", "order.awaiting_payment", "order.cancelled", "order.shipped",
    "order.delivered", "order.refunded", "order.attention_required",
  ]
  static let paymentTypes = ["payment.declined", "refund.failed"]
  static let stockTypes = ["stock.low"]
  static let userTypes = [
    "user.registered", "user.email_verification_requested", "user.password_reset_requested",
    "user.password_changed", "user.locked",
  ]

  /// - Parameter order: the order's id, which the event is about.
  init(order: String, type: String, facts: OrderFacts) {
    var params = ["orderId": order]
    params["number"] = facts.number.map { "\($0)" }
    params["reason"] = facts.cancelReason
    params["total"] = facts.total?.description
    params["carrier"] = facts.shipment?.carrier
    params["tracking"] = facts.shipment?.trackingNumber
    params["refunded"] = facts.refunded.flatMap { money($0, facts.total?.currency) }
    self.type = type
    self.params = params
    recipient =
      type == "order.attention_required"
      ? .staff : facts.userId.map(Recipient.user) ?? .order(order)
  }

  init(paymentType type: String, facts: PaymentFacts) {
    let order = facts.orderId.description
    var params = ["orderId": order]
    params["amount"] = (facts.operationAmount ?? facts.amount).flatMap {
      money($0, facts.currency)
    }
    self.type = type
    self.params = params
    recipient =
      type == "refund.failed" ? .staff : facts.userId.map(Recipient.user) ?? .order(order)
  }

  init(variant: String, stockType type: String, facts: StockFacts) {
    var params = ["variantId": variant]
    params["sku"] = facts.sku
    params["available"] = facts.available.map { "\($0)" }
    self.init(type: type, recipient: .staff, params: params)
  }

  init(user: UserID, type: String, facts: UserFacts) {
    var params: [String: String] = [:]
    params["actionId"] = facts.actionId.map { "\($0)" }
    self.init(type: type, recipient: .user(user), params: params)
  }
}

/// nil for an amount that no order can have, or of no known currency: the text does without it.
private func money(_ minorUnits: Int64, _ currency: Currency?) -> String? {
  guard let currency else { return nil }
  return (try? Money(minorUnits: minorUnits, currency: currency))?.description
}

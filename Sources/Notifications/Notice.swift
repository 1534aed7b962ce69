import SharedKernel

/// What an event of another service is worth telling, and to whom.
struct Notice: Sendable {
  let type: String
  let recipient: Recipient
  /// What the text needs.
  let params: [String: String]
}

/// The facts of an event that notices are made of; an event has those that fit it.
struct NoticeFacts: Decodable, Sendable {
  let orderId: String?
  let number: String?
  let userId: UserID?
  let reason: String?
  let total: Money?
  let amount: Money?
}

extension Notice {
  /// The order feed's types that people are told of.
  static let orderTypes = [
    "order.confirmed", "order.awaiting_payment", "order.cancelled", "order.shipped",
    "order.delivered", "order.refunded", "order.attention_required",
  ]
  static let userTypes = ["user.registered", "user.password_changed", "user.locked"]

  /// nil for a type that nobody is told of.
  init?(type: String, subject: String, facts: NoticeFacts) {
    self.type = type
    var params: [String: String] = [:]
    params["number"] = facts.number
    params["reason"] = facts.reason
    params["total"] = (facts.total ?? facts.amount)?.description
    if type == "order.attention_required" {
      recipient = .staff
    } else if type.hasPrefix("order.") {
      recipient = facts.userId.map(Recipient.user) ?? .order(subject)
      params["orderId"] = subject
    } else if type.hasPrefix("user."), let id = UserID(subject) {
      recipient = .user(id)
    } else {
      return nil
    }
    self.params = params
  }
}

/// The words of a notice.
struct NoticeText: Sendable {
  let subject: String
  let body: String

  init(type: String, params: [String: String], name: String?) {
    let number = params["number"].map { " \($0)" } ?? ""
    let greeting = "Hello\(name.map { " \($0)" } ?? ""),\n\n"
    let closing = "\n\nThe shop\n"
    let (subject, sentence): (String, String) =
      switch type {
      case "order.confirmed":
        (
          "Your order\(number) is confirmed",
          "thank you for your order\(number)"
            + "\(params["total"].map { " of \($0)" } ?? ""). We are packing it."
        )
      case "order.awaiting_payment":
        (
          "Your order\(number) waits for your payment",
          "please complete the payment of your order\(number)."
        )
      case "order.cancelled":
        (
          "Your order\(number) is cancelled",
          "your order\(number) has been cancelled"
            + "\(params["reason"].map { " (\($0))" } ?? ""). What was paid is paid back."
        )
      case "order.shipped":
        ("Your order\(number) is on its way", "your order\(number) has been shipped.")
      case "order.delivered":
        ("Your order\(number) has arrived", "your order\(number) has been delivered.")
      case "order.refunded":
        (
          "A refund for your order\(number)",
          "we have refunded \(params["total"] ?? "a part") of your order\(number)."
        )
      case "order.attention_required":
        ("Order\(number) needs attention", "an order makes no progress: \(params["orderId"] ?? "").")
      case "user.registered":
        ("Welcome to the shop", "your account is ready.")
      case "user.password_changed":
        ("Your password was changed", "if this was not you, reset it now.")
      case "user.locked":
        ("Your account is locked", "there were too many wrong passwords.")
      default:
        ("News from the shop", "there is news about your order\(number).")
      }
    self.subject = subject
    body = greeting + sentence + closing
  }
}

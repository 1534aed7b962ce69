/// The words of a notice, in English.
struct NoticeText: Sendable {
  /// One line.
  let subject: String
  let body: String

  /// - Parameters:
  ///   - params: `Notice.params`; the text does without what is not there.
  ///   - name: the recipient's, where it is known.
  init(type: String, params: [String: String], name: String? = nil) {
    let (subject, sentence) = Self.words(of: type, params)
    self.subject = subject
    body = "Hello\(name.map { " \($0)" } ?? ""),\n\n\(sentence)\n\nThe shop\n"
  }

  private static func words(
    of type: String, _ params: [String: String]
  ) -> (subject: String, sentence: String) {
    let number = params["number"].map { " \($0)" } ?? ""
    switch type {
    case "order.confirmed":
      let total = params["total"].map { " of \($0)" } ?? ""
      return (
        "Your order\(number) is confirmed",
        "thank you for your order\(number)\(total). We are packing it."
      )
    case "order.awaiting_payment":
      return (
        "Your order\(number) waits for your payment",
        "please complete the payment of your order\(number)."
      )
    case "order.cancelled":
      let reason = params["reason"].flatMap(cancellation).map { ": \($0)" } ?? ""
      return (
        "Your order\(number) is cancelled",
        "your order\(number) has been cancelled\(reason). What you have paid is paid back."
      )
    case "order.shipped":
      return ("Your order\(number) is on its way", "your order\(number) has been shipped.")
    case "order.delivered":
      return ("Your order\(number) has arrived", "your order\(number) has been delivered.")
    case "order.refunded":
      return (
        "A refund for your order\(number)",
        "we have refunded \(params["refunded"] ?? "a part") of your order\(number)."
      )
    case "payment.declined":
      let amount = params["amount"].map { " of \($0)" } ?? ""
      return (
        "Your payment was declined",
        "your payment\(amount) was declined. Nothing was taken; you can order again."
      )
    case "user.registered":
      return ("Welcome to the shop", "your account is ready.")
    case "user.password_changed":
      return (
        "Your password was changed", "your password was changed. If this was not you, reset it now."
      )
    case "user.locked":
      return (
        "Your account is locked", "your account is locked after too many wrong passwords."
      )
    default:
      return staffWords(of: type, params)
    }
  }

  private static func staffWords(
    of type: String, _ params: [String: String]
  ) -> (subject: String, sentence: String) {
    let number = params["number"].map { " \($0)" } ?? ""
    let order = params["orderId"].map { " (id \($0))" } ?? ""
    switch type {
    case "order.attention_required":
      return ("Order\(number) needs attention", "the order\(number)\(order) makes no progress.")
    case "refund.failed":
      let amount = params["amount"].map { " of \($0)" } ?? ""
      return ("A refund failed", "a refund\(amount) for the order\(order) failed.")
    case "stock.low":
      let left = params["available"].map { ": \($0) left" } ?? ""
      let sku = params["sku"] ?? params["variantId"].map { "variant \($0)" } ?? "a variant"
      return ("Stock of \(sku) is low", "the stock of \(sku) is low\(left).")
    default:
      return ("News from the shop", "there is news about your order\(number).")
    }
  }

  /// The order service's reasons, for its customers; nil for one that is none of theirs.
  private static func cancellation(_ reason: String) -> String? {
    switch reason {
    case "insufficient_stock", "hold_lost": "there was not enough stock"
    case "payment_declined", "payment_refused", "capture_refused": "the payment was declined"
    case "timed_out": "it was not completed in time"
    case "requested": "as you asked"
    default: nil
    }
  }
}

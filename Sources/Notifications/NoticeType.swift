import SharedKernel

/// A kind of notice: what it is about, what its texts may name, and how it is worded unless a
/// template says otherwise.
struct NoticeType: Sendable {
  /// The event's type: `order.confirmed`.
  let name: String
  /// Staff are told, instead of a customer.
  var isForStaff = false
  /// About somebody's account, or a receipt: nobody can switch it off.
  var isEssential = false
  let variables: [NoticeVariable]
  let subject: String
  /// What a mail says, between the greeting and the shop's name.
  let sentence: String
  /// What the list says, where that is something else: a link that opens an account stands in the
  /// mail alone.
  var sentenceInList: String?

  /// Worded for `channel`.
  func builtIn(for channel: Notification.Channel) -> NoticeTemplate {
    let words = channel == .log ? sentenceInList ?? sentence : sentence
    return NoticeTemplate(
      trusted: subject, body: "Hello {{ name }},\n\n\(words)\n\nThe shop\n")
  }

  /// What a template of this type may name.
  var variableNames: Set<String> { Set(variables.map(\.name) + ["name"]) }

  static func named(_ name: String) -> NoticeType? { all.first { $0.name == name } }

  /// Those that a customer can have an opinion on.
  static var forCustomers: [NoticeType] { all.filter { !$0.isForStaff } }
}

/// What a text may name.
struct NoticeVariable: Sendable {
  let name: String
  /// For a preview.
  let sample: String
  /// Stands for it in a notice that does not have it.
  let fallback: String

  init(_ name: String, sample: String, fallback: String = "-") {
    self.name = name
    self.sample = sample
    self.fallback = fallback
  }

  static let recipient = NoticeVariable("name", sample: "Ada", fallback: "there")
  static let number = NoticeVariable("number", sample: "10001")
  static let order = NoticeVariable("orderId", sample: "01900000-0000-7000-8000-00000000a001")
  static let total = NoticeVariable("total", sample: "USD 1000.0")
  static let amount = NoticeVariable("amount", sample: "USD 1000.0")
  static let link = NoticeVariable(
    "link", sample: "http://localhost:8083/verify?token=...", fallback: "the link in the mail")
}

extension NoticeType {
  /// All that the contract lists (section 6.2).
  static let all: [NoticeType] = orders + accounts + staff

  private static let orders = [
    NoticeType(
      name: "order.confirmed", isEssential: true, variables: [.number, .order, .total],
      subject: "Your order {{ number }} is confirmed",
      sentence: "thank you for your order {{ number }} of {{ total }}. We are packing it."),
    NoticeType(
      name: "order.awaiting_payment", variables: [.number, .order, .total],
      subject: "Your order {{ number }} waits for your payment",
      sentence: "please complete the payment of your order {{ number }}."),
    NoticeType(
      name: "order.cancelled",
      variables: [
        .number, .order, .total,
        NoticeVariable(
          "reason", sample: "as you asked", fallback: "it could not be completed"),
      ],
      subject: "Your order {{ number }} is cancelled",
      sentence:
        "your order {{ number }} has been cancelled: {{ reason }}. What you have paid is paid"
        + " back."),
    NoticeType(
      name: "order.shipped",
      variables: [
        .number, .order,
        NoticeVariable(
          "tracking", sample: "1Z999AA10123456784", fallback: "there is no number to follow it by"),
        NoticeVariable("carrier", sample: "UPS", fallback: "our carrier"),
      ],
      subject: "Your order {{ number }} is on its way",
      sentence: "your order {{ number }} has been shipped with {{ carrier }}: {{ tracking }}."),
    NoticeType(
      name: "order.delivered", variables: [.number, .order],
      subject: "Your order {{ number }} has arrived",
      sentence: "your order {{ number }} has been delivered."),
    NoticeType(
      name: "order.refunded",
      variables: [
        .number, .order, NoticeVariable("refunded", sample: "USD 50.0", fallback: "a part"),
      ],
      subject: "A refund for your order {{ number }}",
      sentence: "we have refunded {{ refunded }} of your order {{ number }}."),
    NoticeType(
      name: "payment.declined", variables: [.order, .amount],
      subject: "Your payment was declined",
      sentence: "your payment of {{ amount }} was declined. Nothing was taken; you can order again."
    ),
  ]

  private static let accounts = [
    NoticeType(
      name: "user.registered", isEssential: true, variables: [.link],
      subject: "Welcome to the shop",
      sentence: "your account is ready. Please confirm that this is your address: {{ link }}",
      sentenceInList: "your account is ready. Please confirm your address by the link in our"
        + " mail."),
    NoticeType(
      name: "user.email_verification_requested", isEssential: true, variables: [.link],
      subject: "Confirm your address",
      sentence: "please confirm that this is your address: {{ link }}",
      sentenceInList: "please confirm your address by the link in our mail."),
    NoticeType(
      name: "user.password_reset_requested", isEssential: true, variables: [.link],
      subject: "Reset your password",
      sentence: "choose a new password here: {{ link }} If you did not ask for this, do nothing.",
      sentenceInList: "a link to choose a new password is in our mail."),
    NoticeType(
      name: "user.password_changed", isEssential: true, variables: [],
      subject: "Your password was changed",
      sentence: "your password was changed. If this was not you, reset it now."),
    NoticeType(
      name: "user.locked", isEssential: true, variables: [],
      subject: "Your account is locked",
      sentence: "your account is locked for a while after too many wrong passwords."),
  ]

  private static let staff = [
    NoticeType(
      name: "order.attention_required", isForStaff: true, variables: [.number, .order],
      subject: "Order {{ number }} needs attention",
      sentence: "the order {{ number }} (id {{ orderId }}) makes no progress."),
    NoticeType(
      name: "refund.failed", isForStaff: true, variables: [.order, .amount],
      subject: "A refund failed",
      sentence: "a refund of {{ amount }} for the order {{ orderId }} failed."),
    NoticeType(
      name: "stock.low", isForStaff: true,
      variables: [
        NoticeVariable("sku", sample: "LAP-1", fallback: "a variant"),
        NoticeVariable("variantId", sample: "1"),
        NoticeVariable("available", sample: "3", fallback: "few"),
      ],
      subject: "Stock of {{ sku }} is low",
      sentence: "the stock of {{ sku }} is low: {{ available }} left."),
  ]
}

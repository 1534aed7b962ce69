import SharedKernel
import Testing

@testable import Notifications

@Suite("The words of notices")
struct NoticeTypeTests {
  private static let params = [
    "number": "10001", "orderId": "0198", "total": "USD 1000.0", "reason": "timed_out",
    "refunded": "USD 10.0", "amount": "USD 5.0", "sku": "LAP-1", "available": "3",
    "tracking": "1Z999", "carrier": "UPS",
  ]

  private func text(
    _ type: String, _ params: [String: String], name: String? = nil,
    channel: Notification.Channel = .email, link: String? = nil
  ) -> NoticeText {
    TemplateBook(stored: [:]).text(
      of: Notification(
        id: .new(), eventID: .v7(), type: type, channel: channel, recipient: .staff,
        params: params, state: .queued, attempts: 0, readAt: nil, sentAt: nil, createdAt: .now(),
        locale: "en"), name: name, link: link)
  }

  @Test(
    "each notice says what happened",
    arguments: [
      (
        "order.confirmed", "Your order 10001 is confirmed",
        "thank you for your order 10001 of USD 1000.0. We are packing it."
      ),
      (
        "order.awaiting_payment", "Your order 10001 waits for your payment",
        "please complete the payment of your order 10001."
      ),
      (
        "order.cancelled", "Your order 10001 is cancelled",
        "your order 10001 has been cancelled: it was not completed in time. "
          + "What you have paid is paid back."
      ),
      (
        "order.shipped", "Your order 10001 is on its way",
        "your order 10001 has been shipped with UPS: 1Z999."
      ),
      (
        "order.delivered", "Your order 10001 has arrived", "your order 10001 has been delivered."
      ),
      (
        "order.refunded", "A refund for your order 10001",
        "we have refunded USD 10.0 of your order 10001."
      ),
      (
        "payment.declined", "Your payment was declined",
        "your payment of USD 5.0 was declined. Nothing was taken; you can order again."
      ),
      (
        "order.attention_required", "Order 10001 needs attention",
        "the order 10001 (id 0198) makes no progress."
      ),
      (
        "refund.failed", "A refund failed", "a refund of USD 5.0 for the order 0198 failed."
      ),
      ("stock.low", "Stock of LAP-1 is low", "the stock of LAP-1 is low: 3 left."),
      (
        "user.registered", "Welcome to the shop",
        "your account is ready. Please confirm that this is your address: https://shop.example/x"
      ),
    ])
  func words(type: String, subject: String, sentence: String) {
    let text = text(type, Self.params, name: "Ada", link: "https://shop.example/x")
    #expect(text.subject == subject)
    #expect(text.body == "Hello Ada,\n\n\(sentence)\n\nThe shop\n")
  }

  @Test("every type that is listened to has words of its own, and no other has")
  func everyType() {
    let types = Notice.orderTypes + Notice.paymentTypes + Notice.stockTypes + Notice.userTypes
    #expect(Set(types) == Set(NoticeType.all.map(\.name)))
    #expect(types.count == NoticeType.all.count)
    #expect(Set(types.map { text($0, Self.params).subject }).count == types.count)
    #expect(text("something.else", [:]).subject == "News from the shop")
  }

  @Test("the program's own words hold to the rules that staff's do", arguments: NoticeType.all)
  func builtIn(type: NoticeType) throws {
    for channel in Notification.Channel.allCases {
      let own = type.builtIn(for: channel)
      #expect(try NoticeTemplate(subject: own.subject, body: own.body, for: type) == own)
    }
  }

  @Test("without its facts a notice is still a sentence, and its subject one line")
  func withoutFacts() {
    for type in NoticeType.all {
      let text = text(type.name, [:])
      #expect(text.body.hasPrefix("Hello there,\n\n"))
      #expect(!(text.subject + text.body).contains("{{"))
      #expect(!text.subject.contains("\n"))
    }
  }

  @Test("the list never shows a link that opens an account")
  func linksInMailsAlone() {
    for type in Notice.userTypes {
      #expect(!text(type, [:], channel: .log, link: "https://x").body.contains("https://x"))
    }
  }

  @Test("a cancellation tells a reason that customers understand, or none")
  func reasons() {
    func sentence(_ reason: String?) -> String {
      text("order.cancelled", reason.map { ["reason": $0] } ?? [:]).body
    }
    #expect(sentence("insufficient_stock").contains("cancelled: there was not enough stock."))
    #expect(sentence("payment_declined").contains("cancelled: the payment was declined."))
    #expect(sentence("requested").contains("cancelled: as you asked."))
    #expect(sentence("some_new_reason").contains("cancelled: it could not be completed."))
    #expect(sentence(nil).contains("cancelled: it could not be completed."))
  }
}

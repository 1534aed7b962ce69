import SharedKernel
import Testing

@testable import Notifications

@Suite("The words of notices")
struct NoticeTextTests {
  private static let params = [
    "number": "10001", "orderId": "0198", "total": "USD 1000.0", "reason": "timed_out",
    "refunded": "USD 10.0", "amount": "USD 5.0", "sku": "LAP-1", "available": "3",
  ]

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
        "order.shipped", "Your order 10001 is on its way", "your order 10001 has been shipped."
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
        "refund.failed", "A refund failed", "a refund of USD 5.0 for the order (id 0198) failed."
      ),
      ("stock.low", "Stock of LAP-1 is low", "the stock of LAP-1 is low: 3 left."),
      ("user.registered", "Welcome to the shop", "your account is ready."),
    ])
  func words(type: String, subject: String, sentence: String) {
    let text = NoticeText(type: type, params: Self.params, name: "Ada")
    #expect(text.subject == subject)
    #expect(text.body == "Hello Ada,\n\n\(sentence)\n\nThe shop\n")
  }

  @Test("every type that is listened to has words of its own")
  func everyType() {
    let types = Notice.orderTypes + Notice.paymentTypes + Notice.stockTypes + Notice.userTypes
    let subjects = types.map { NoticeText(type: $0, params: Self.params).subject }
    #expect(Set(subjects).count == types.count)
    #expect(!subjects.contains("News from the shop"))
  }

  @Test("without its facts a notice is still a sentence, and its subject one line")
  func withoutFacts() {
    let types = Notice.orderTypes + Notice.paymentTypes + Notice.stockTypes + Notice.userTypes
    for type in types + ["something.else"] {
      let text = NoticeText(type: type, params: [:])
      #expect(text.body.hasPrefix("Hello,\n\n"))
      #expect(!(text.subject + text.body).contains("  "))
      #expect(!text.subject.contains("\n"))
      #expect(text.body.contains(".\n\nThe shop\n"))
    }
  }

  @Test("a cancellation tells a reason that customers understand, or none")
  func reasons() {
    func sentence(_ reason: String?) -> String {
      NoticeText(type: "order.cancelled", params: reason.map { ["reason": $0] } ?? [:]).body
    }
    #expect(sentence("insufficient_stock").contains("cancelled: there was not enough stock."))
    #expect(sentence("payment_declined").contains("cancelled: the payment was declined."))
    #expect(sentence("requested").contains("cancelled: as you asked."))
    #expect(sentence("some_new_reason").contains("has been cancelled. What"))
    #expect(sentence(nil).contains("has been cancelled. What"))
  }
}

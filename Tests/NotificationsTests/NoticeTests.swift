import SharedKernel
import Testing

@testable import Notifications

@Suite("Notices")
struct NoticeTests {
  private let order = UUID128.v7().description
  private let user = UserID.new()

  private func facts(
    user: UserID?, reason: String? = nil, refunded: Int64? = nil
  ) throws -> OrderFacts {
    OrderFacts(
      number: 10_001, userId: user, cancelReason: reason,
      total: try Money(minorUnits: 100_000, currency: .usd), refunded: refunded)
  }

  @Test("an order's notices are for its user, a guest's for the order alone")
  func orderRecipients() throws {
    let ofUser = Notice(order: order, type: "order.confirmed", facts: try facts(user: user))
    #expect(ofUser.recipient == .user(user))
    let ofGuest = Notice(order: order, type: "order.confirmed", facts: try facts(user: nil))
    #expect(ofGuest.recipient == .order(order))
    #expect(ofGuest.params == ["orderId": order, "number": "10001", "total": "USD 1000.0"])
  }

  @Test("what needs somebody's attention is for staff, whoever ordered")
  func staff() throws {
    let attention = Notice(
      order: order, type: "order.attention_required", facts: try facts(user: user))
    #expect(attention.recipient == .staff)
    let id = UUID128.v7()
    let payment = PaymentFacts(
      orderId: id, userId: user, amount: 100_000, operationAmount: 49_999, currency: .usd)
    let refund = Notice(paymentType: "refund.failed", facts: payment)
    #expect(refund.recipient == .staff)
    #expect(refund.params == ["orderId": "\(id)", "amount": "USD 499.99"])
    let stock = Notice(
      variant: "7", stockType: "stock.low", facts: StockFacts(sku: "LAP-1", available: 3))
    #expect(stock.recipient == .staff)
  }

  @Test("a declined payment is told to who wanted to pay")
  func declined() {
    let id = UUID128.v7()
    var facts = PaymentFacts(
      orderId: id, userId: user, amount: 500, operationAmount: nil, currency: .usd)
    #expect(Notice(paymentType: "payment.declined", facts: facts).recipient == .user(user))
    facts = PaymentFacts(
      orderId: id, userId: nil, amount: 500, operationAmount: nil, currency: .usd)
    let notice = Notice(paymentType: "payment.declined", facts: facts)
    #expect(notice.recipient == .order("\(id)"))
    #expect(notice.params["amount"] == "USD 5.0")
  }

  @Test("facts that are missing or senseless leave the text without them")
  func missingFacts() throws {
    let bare = OrderFacts(number: nil, userId: nil, cancelReason: nil, total: nil, refunded: 5)
    #expect(
      Notice(order: order, type: "order.refunded", facts: bare).params == ["orderId": order])
    let facts = try facts(user: nil, refunded: .max)
    #expect(Notice(order: order, type: "order.refunded", facts: facts).params["refunded"] == nil)
  }
}

import SharedKernel
import Testing

@testable import Orders

@Suite struct CheckoutOutcomeTests {
  private func order(_ state: OrderState, _ cancellation: Cancellation? = nil) throws -> Order {
    let price = try Money(minorUnits: 100, currency: .usd)
    return Order(
      id: .new(), number: 10_001, state: state, userID: nil, email: nil, locale: nil, note: nil,
      captureMode: .automatic,
      lines: [5, 6].map {
        OrderLine(
          id: .new(), variantID: $0, productID: $0, name: "", sku: "", unitPrice: price,
          quantity: 1, discount: .zero(.usd), tax: .zero(.usd), total: price, shipped: 0,
          refunded: 0)
      },
      totals: try Pricing([price, price], in: .usd, discount: nil, shipping: nil, tax: nil).totals,
      shippingMethod: nil, couponCode: nil,
      shippingAddress: OrdersBench.address, billingAddress: nil, paymentID: .new(),
      payment: .unknown, nextAction: nil, cancellation: cancellation, cancelRequested: false,
      needsAttention: false, version: 1, createdAt: .now())
  }

  @Test("an order under way or confirmed is just that")
  func alive() throws {
    for state in [OrderState.pending, .awaitingPayment] {
      #expect(CheckoutOutcome(try order(state)) == .running)
    }
    for state in [OrderState.confirmed, .partiallyShipped, .shipped, .delivered] {
      #expect(CheckoutOutcome(try order(state)) == .confirmed)
    }
  }

  @Test(
    "a refusal is told as soon as it is settled, though its compensations still run",
    arguments: [OrderState.cancelling, .cancelled])
  func refused(state: OrderState) throws {
    for reason in [CancelReason.paymentDeclined, .captureRefused, .paymentRefused] {
      let order = try order(state, Cancellation(reason, declineCode: "x"))
      #expect(CheckoutOutcome(order) == .failed(.declined(order.id, code: "x")))
    }
    let shortage = Shortage(variantId: 6, available: 0)
    let short = try order(state, Cancellation(.insufficientStock, shortages: [shortage]))
    #expect(
      CheckoutOutcome(short)
        == .failed(.insufficientStock(short.id, [MissingItem(index: 1, shortage: shortage)])))
    let lost = try order(state, Cancellation(.holdLost))
    #expect(CheckoutOutcome(lost) == .failed(.insufficientStock(lost.id, [])))
  }

  @Test("an order that was given up is cancelled once its compensations are done")
  func givenUp() throws {
    for reason in [CancelReason.timedOut, .requested] {
      #expect(CheckoutOutcome(try order(.cancelling, Cancellation(reason))) == .running)
      #expect(CheckoutOutcome(try order(.cancelled, Cancellation(reason))) == .cancelled)
    }
  }
}

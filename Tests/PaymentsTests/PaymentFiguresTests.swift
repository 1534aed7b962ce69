import Testing

@testable import Payments

@Suite("Payment figures")
struct PaymentFiguresTests {
  @Test("figures tell the state of an open payment")
  func openState() {
    #expect(PaymentFigures(authorized: 10).openState == .authorized)
    #expect(PaymentFigures(authorized: 10, captured: 4).openState == .authorized)
    #expect(PaymentFigures(authorized: 10, captured: 10).openState == .captured)
    #expect(
      PaymentFigures(authorized: 10, captured: 10, refunded: 3).openState == .partiallyRefunded)
    #expect(
      PaymentFigures(authorized: 10, captured: 4, refunded: 4).openState == .partiallyRefunded)
    #expect(PaymentFigures(authorized: 10, captured: 10, refunded: 10).openState == .refunded)
  }
}

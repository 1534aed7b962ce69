import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderStatusTests {
  @Test("the state machine allows these transitions and no other of the 64 pairs")
  func matrix() {
    let allowed: [OrderState: Set<OrderState>] = [
      .pending: [.awaitingPayment, .confirmed, .cancelling, .cancelled],
      .awaitingPayment: [.pending, .cancelling],
      .confirmed: [.partiallyShipped, .shipped, .cancelling],
      .partiallyShipped: [.partiallyShipped, .shipped],
      .shipped: [.delivered],
      .delivered: [],
      .cancelling: [.cancelled],
      .cancelled: [],
    ]
    for from in OrderState.allCases {
      for to in OrderState.allCases {
        #expect(
          from.canBecome(to) == allowed[from, default: []].contains(to), "\(from) to \(to)")
      }
    }
  }

  @Test(
    "what became of the money follows from the payment's figures",
    arguments: [
      (0, 0, 0, false, PaymentStatus.none),
      (0, 0, 0, true, .voided),
      (100, 0, 0, false, .authorized),
      (100, 0, 0, true, .voided),
      (100, 100, 0, false, .captured),
      (100, 40, 0, false, .captured),
      (100, 100, 30, false, .partiallyRefunded),
      (100, 100, 100, false, .refunded),
      // The rest is held still, and can be captured.
      (100, 50, 50, false, .partiallyRefunded),
      (50, 50, 50, false, .refunded),
      (100, 40, 40, true, .refunded),
    ] as [(Int64, Int64, Int64, Bool, PaymentStatus)])
  func paymentStatus(
    authorized: Int64, captured: Int64, refunded: Int64, isVoided: Bool, expected: PaymentStatus
  ) {
    let figures = PaymentFigures(
      authorized: authorized, captured: captured, refunded: refunded, isVoided: isVoided,
      version: 1)
    #expect(PaymentStatus(figures) == expected)
  }

  @Test("an order is fulfilled when its last unit is shipped")
  func fulfilment() {
    #expect(FulfilmentStatus(shipped: 0, ordered: 3) == .unfulfilled)
    #expect(FulfilmentStatus(shipped: 2, ordered: 3) == .partial)
    #expect(FulfilmentStatus(shipped: 3, ordered: 3) == .fulfilled)
  }
}

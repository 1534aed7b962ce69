import SharedKernel

extension PaymentService {
  /// How many provider calls one request makes at most; the rest is left to the recovery worker.
  private static let stepsMax = 4

  /// Cancels a payment: refuses every new operation at once, then voids what is held and refunds
  /// what was captured. An id that is not known becomes a tombstone, so that an authorise that comes
  /// late is refused.
  ///
  /// - Returns: `.done` when nothing is held or kept any more, `.underway` while an outcome is open.
  /// - Throws: `PaymentError.differs` if the payment is another order's.
  func cancel(
    _ id: PaymentID, orderID: OrderID, currency: Currency
  ) async throws -> PaymentAnswer {
    if try await store.payment(id) == nil {
      let tombstone = Payment(tombstone: id, orderID: orderID, currency: currency, now: now())
      if try await store.insert(tombstone) {
        return PaymentAnswer(payment: tombstone, outcome: .done(isNew: true))
      }
    }
    return try await close(id) { payment in
      guard payment.orderID == orderID else { throw PaymentError.differs("another order") }
    }
  }

  /// Goes on cancelling, as far as the provider's answers allow.
  func close(
    _ id: PaymentID, if allowed: @escaping @Sendable (Payment) throws -> Void = { _ in }
  ) async throws -> PaymentAnswer {
    for _ in 0..<Self.stepsMax {
      let time = now()
      let (payment, step) = try await store.update(id) { payment in
        try allowed(payment)
        return payment.cancel(now: time)
      }
      switch step {
      case .closed: return PaymentAnswer(payment: payment, outcome: .done(isNew: false))
      case .later: return PaymentAnswer(payment: payment, outcome: .underway)
      case .ask(let operationID):
        guard let operation = payment.operation(operationID),
          let asked = try await ask(operation, of: payment),
          asked.operation(operationID)?.state != .pending
        else { return PaymentAnswer(payment: payment, outcome: .underway) }
      }
    }
    return PaymentAnswer(payment: try await existing(id), outcome: .underway)
  }
}

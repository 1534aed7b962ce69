import SharedKernel

/// Money that goes back to the customer of a confirmed order.
struct Refund: Sendable {
  enum Status: String, Codable, Sendable, CaseIterable {
    /// Asked for; the provider has not done it yet.
    case pending
    case succeeded
    /// Refused: no money was paid back, and nothing restocked.
    case failed
  }

  let id: ID<Refund>
  let status: Status
  let amount: Money
  /// The shipped units that it is for; empty for an amount.
  let lines: [Units]
  /// Whether those units go back on the shelf.
  let restocks: Bool
  let reason: String?
  let failure: FollowUpFailure?
  let createdAt: Timestamp
  let finishedAt: Timestamp?
}

/// Why a shipment or refund came to nothing.
struct FollowUpFailure: Codable, Hashable, Sendable {
  enum Reason: String, Codable, Sendable {
    case declined
    /// The payment is closed, or can never do what was asked.
    case paymentRefused = "payment_refused"
    /// More than is left to ship.
    case overShipped = "over_shipped"
    /// The reservation is closed.
    case holdClosed = "hold_closed"
    /// More than was captured and not paid back.
    case exceedsCaptured = "exceeds_captured"
  }

  let reason: Reason
  /// The provider's word, for what it declined.
  let declineCode: String?
}

/// What staff send to pay back.
struct RefundRequest: Decodable, Sendable {
  let lines: [Units]?
  let amount: Money?
  let restock: Bool?
  let reason: String?
}

/// A checked refund that is about to be begun.
struct RefundPlan: Sendable {
  let lines: [Units]
  let amount: Money
  let restocks: Bool
  let reason: String?
}

extension Order {
  /// What this refund would mean.
  ///
  /// - Throws: `ValidationFailure`; `OrderError` `.invalidTransition`, `.refundExceedsCaptured`.
  func plan(_ request: RefundRequest) throws -> RefundPlan {
    var validation = Validation()
    if let reason = request.reason {
      validation.requireText(reason, "/reason", length: 1...200)
    }
    var amount = Money.zero(totals.total.currency)
    let lines = request.lines ?? []
    switch (request.lines, request.amount) {
    case (let lines?, nil):
      lines.validate(of: self, &validation)
      for (index, units) in lines.enumerated() {
        guard let line = self.lines.first(where: { $0.id == units.lineId }) else { continue }
        validation.require(
          units.quantity <= line.shipped - line.refunded, "/lines/\(index)/quantity",
          "out_of_range", "only \(line.shipped - line.refunded) shipped units are not refunded")
      }
      try validation.finish()
      amount = try Money(minorUnits: price(ofRefunding: lines), currency: amount.currency)
    case (nil, let asked?):
      validation.require(
        asked.currency == amount.currency, "/amount/currency", "invalid",
        "must be \(amount.currency)")
      validation.require(asked.minorUnits > 0, "/amount/amount", "out_of_range", "must be positive")
      validation.require(
        request.restock != true, "/restock", "needs_lines", "only lines can be restocked")
      amount = asked
    default:
      validation.require(false, "/lines", "one_of", "must have either lines or amount")
    }
    try validation.finish()
    guard state.isConfirmedOrLater else {
      throw OrderError.invalidTransition(from: state, to: state)
    }
    let refundable = payment.captured - payment.refunded
    guard (1...max(refundable, 1)).contains(amount.minorUnits), refundable > 0 else {
      throw OrderError.refundExceedsCaptured(refundable: refundable)
    }
    return RefundPlan(
      lines: lines, amount: amount, restocks: request.restock ?? false, reason: request.reason)
  }
}

import SharedKernel

/// Why a command about a payment is refused.
enum PaymentError: Error, Hashable {
  case declined(code: String, order: OrderID)
  /// Authorise, confirm, capture or refund after the payment was closed.
  case closed(PaymentState)
  /// The same id with other content.
  case differs(String)
  /// The order already has another payment.
  case orderHasPayment
  case invalidTransition(from: PaymentState, to: PaymentState)
  case captureExceedsAuthorized(capturable: Int64, from: PaymentState)
  case refundExceedsCaptured(refundable: Int64)
  /// The outcome of an earlier operation is not known yet.
  case inProgress
  /// Digits that look like a card number.
  case cardData
}

extension PaymentError: Failure {
  var kind: FailureKind {
    switch self {
    case .declined: .paymentDeclined
    case .closed: .paymentClosed
    case .differs: .idempotencyKeyReused
    case .orderHasPayment: .duplicateResource
    case .invalidTransition, .captureExceedsAuthorized: .invalidStateTransition
    case .refundExceedsCaptured: .refundExceedsCaptured
    case .inProgress: .operationInProgress
    case .cardData: .cardDataForbidden
    }
  }

  var detail: String {
    switch self {
    case .declined: "The payment was declined."
    case .closed(let state): "The payment is \(state.rawValue)."
    case .differs(let what): "This id was used before for \(what) with other content."
    case .orderHasPayment: "The order has another payment."
    case .invalidTransition(let from, let to):
      "A payment that is \(from.rawValue) cannot become \(to.rawValue)."
    case .captureExceedsAuthorized(let capturable, _):
      "At most \(capturable) minor units can be captured."
    case .refundExceedsCaptured(let refundable):
      "At most \(refundable) minor units can be refunded."
    case .inProgress: "An earlier operation on this payment is still running."
    case .cardData: "Card numbers must not be sent here; send the token of the card instead."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .declined(let code, let order):
      ["declineCode": .text(code), "orderId": .text(order.description)]
    case .closed(let state): ["state": .text(state.rawValue)]
    case .orderHasPayment: ["field": "orderId"]
    case .invalidTransition(let from, let to): Self.transition(from: from, to: to)
    case .captureExceedsAuthorized(let capturable, let from):
      Self.transition(from: from, to: .captured)
        .merging(["capturable": .number(capturable)]) { first, _ in first }
    case .refundExceedsCaptured(let refundable): ["refundable": .number(refundable)]
    case .differs, .inProgress, .cardData: [:]
    }
  }

  private static func transition(
    from: PaymentState, to: PaymentState
  ) -> [String: FailureValue] {
    [
      "from": .text(from.rawValue), "to": .text(to.rawValue),
      "allowed": .list(from.successors.map { .text($0.rawValue) }),
    ]
  }
}

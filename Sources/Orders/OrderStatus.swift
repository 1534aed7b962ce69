/// Where an order stands. Terminal: `cancelled`, and `delivered` (refunds change what was paid, not
/// this).
enum OrderState: String, Codable, Sendable, CaseIterable {
  case pending
  case awaitingPayment = "awaiting_payment"
  case confirmed
  case partiallyShipped = "partially_shipped"
  case shipped
  case delivered
  case cancelling
  case cancelled

  /// The states that a transition leads to from here, in the order of their declaration.
  var successors: [OrderState] {
    Self.allCases.filter { next in
      OrderTransition.all.contains { $0.from.contains(self) && $0.to == next }
    }
  }

  func canBecome(_ next: OrderState) -> Bool {
    successors.contains(next)
  }

  /// No saga is at work: only a new command moves the order.
  var isAtRest: Bool {
    switch self {
    case .pending, .awaitingPayment, .cancelling: false
    case .confirmed, .partiallyShipped, .shipped, .delivered, .cancelled: true
    }
  }

  /// Checkout succeeded, and nothing has undone it since.
  var isConfirmedOrLater: Bool {
    switch self {
    case .confirmed, .partiallyShipped, .shipped, .delivered: true
    case .pending, .awaitingPayment, .cancelling, .cancelled: false
    }
  }
}

/// One row of the order's state machine. Each is one database transaction: the order's row moves only
/// if it is in one of `from`, together with its history, its saga and its event.
struct OrderTransition: Hashable, Sendable {
  let from: [OrderState]
  let to: OrderState
  /// The event's type; nil where the contract has none.
  let event: String?

  /// The hold was refused and nothing else was begun.
  static let refuse = OrderTransition(from: [.pending], to: .cancelled, event: "order.cancelled")
  /// The payment waits for the customer or for its provider.
  static let awaitPayment = OrderTransition(
    from: [.pending], to: .awaitingPayment, event: "order.awaiting_payment")
  /// The payment that was waited for is authorised.
  static let resume = OrderTransition(from: [.awaitingPayment], to: .pending, event: nil)
  /// Checkout will not succeed: declined, too late, stock lost or cancelled by someone.
  static let turnBack = OrderTransition(
    from: [.pending, .awaitingPayment], to: .cancelling, event: nil)
  /// The pivot of checkout: from here an order only goes forward, or is cancelled as a whole.
  static let confirm = OrderTransition(from: [.pending], to: .confirmed, event: "order.confirmed")
  /// Someone cancels a confirmed order of which nothing has been shipped.
  static let cancel = OrderTransition(
    from: [.confirmed], to: .cancelling, event: "order.cancellation_requested")
  /// Money and stock are back.
  static let close = OrderTransition(
    from: [.cancelling], to: .cancelled, event: "order.cancelled")
  static let shipPart = OrderTransition(
    from: [.confirmed, .partiallyShipped], to: .partiallyShipped, event: "order.shipped")
  static let shipRest = OrderTransition(
    from: [.confirmed, .partiallyShipped], to: .shipped, event: "order.shipped")
  static let deliver = OrderTransition(from: [.shipped], to: .delivered, event: "order.delivered")

  static let all = [
    refuse, awaitPayment, resume, turnBack, confirm, cancel, close, shipPart, shipRest, deliver,
  ]
}

/// What has become of the money, from the payment's absolute figures.
enum PaymentStatus: String, Codable, Sendable, CaseIterable {
  case none, authorized, captured
  case partiallyRefunded = "partially_refunded"
  case refunded, voided

  init(_ figures: PaymentFigures) {
    // Paid back as a whole is only what nothing more can be captured of.
    self =
      if figures.captured > 0 && figures.refunded >= figures.captured && !figures.isHeld {
        .refunded
      } else if figures.refunded > 0 {
        .partiallyRefunded
      } else if figures.captured > 0 {
        .captured
      } else if figures.isVoided {
        .voided
      } else {
        figures.authorized > 0 ? .authorized : .none
      }
  }
}

/// How much of an order has left the house.
enum FulfilmentStatus: String, Codable, Sendable {
  case unfulfilled, partial, fulfilled

  init(shipped: Int, ordered: Int) {
    self = shipped == 0 ? .unfulfilled : shipped < ordered ? .partial : .fulfilled
  }
}

import SharedKernel

/// What a client that bought something is told, as its order stands.
enum CheckoutOutcome: Hashable, Sendable {
  case confirmed
  /// Still at work, or awaiting the customer: to be asked for again.
  case running
  /// Ended without goods for a reason that is the request's own.
  case failed(OrderError)
  /// Cancelled: on request, or because checkout took too long.
  case cancelled

  init(_ order: Order) {
    if order.state.isConfirmedOrLater {
      self = .confirmed
      return
    }
    guard let cancellation = order.cancellation else {
      self = .running
      return
    }
    switch cancellation.reason {
    // What has been refused stays refused, though its compensations may still be at work.
    case .paymentDeclined, .captureRefused, .paymentRefused:
      self = .failed(.declined(order.id, code: cancellation.declineCode))
    case .insufficientStock, .holdLost:
      self = .failed(.insufficientStock(order.id, order.missingItems(cancellation.shortages)))
    case .timedOut, .requested:
      self = order.state == .cancelled ? .cancelled : .running
    }
  }
}

extension Order {
  fileprivate func missingItems(_ shortages: [Shortage]) -> [MissingItem] {
    shortages.compactMap { shortage in
      lines.firstIndex { $0.variantID == shortage.variantId }.map {
        MissingItem(index: $0, shortage: shortage)
      }
    }
  }
}

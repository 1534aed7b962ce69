/// Where a payment stands.
enum PaymentState: String, Codable, Sendable, CaseIterable {
  /// Not yet asked for; never stored, for a payment is stored with its first operation.
  case created
  /// The provider was asked to hold the amount, its answer is not known yet.
  case authorizing
  /// The provider waits for the customer (3-D Secure).
  case requiresAction = "requires_action"
  /// The amount is held, and not all of it captured.
  case authorized
  /// All that was held is captured.
  case captured
  case partiallyRefunded = "partially_refunded"
  case refunded
  case declined
  /// No new operation is accepted; what was held or captured is given back.
  case cancelling
  case cancelled
  /// The hold ended before anything was captured.
  case expired

  /// The states that can follow this one.
  var successors: [PaymentState] {
    switch self {
    case .created: [.authorizing]
    case .authorizing: [.requiresAction, .authorized, .declined, .cancelling]
    case .requiresAction: [.authorized, .declined, .cancelling, .expired]
    case .authorized: [.captured, .partiallyRefunded, .cancelling, .expired]
    case .captured: [.partiallyRefunded, .refunded, .cancelling]
    case .partiallyRefunded: [.refunded, .cancelling]
    case .cancelling: [.cancelled]
    case .refunded, .declined, .cancelled, .expired: []
    }
  }

  /// Closed to every new operation, for good or because it is being closed.
  var isClosed: Bool {
    switch self {
    case .declined, .cancelling, .cancelled, .expired: true
    case .created, .authorizing, .requiresAction, .authorized, .captured, .partiallyRefunded,
      .refunded:
      false
    }
  }
}

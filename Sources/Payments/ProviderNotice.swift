import SharedKernel

/// What a provider tells by itself: a webhook event whose signature was good.
struct ProviderNotice: Hashable, Sendable {
  /// What it says about an operation.
  struct News: Hashable, Sendable {
    let operation: OperationID
    let answer: ProviderAnswer
    /// Minor units, to be compared with the operation's; nil where the event has none.
    let amount: Int64?
  }

  /// What came of it.
  enum Effect: String, Sendable {
    /// It settled its operation.
    case settled
    /// An answer, or an earlier notice, had told the same.
    case knownBefore = "known_before"
    /// This very event was here before.
    case repeated
    /// It tells nothing about an operation.
    case none
    /// About no operation of ours; left to reconciliation.
    case unknownOperation = "unknown_operation"
    /// Of another amount than its operation; left to reconciliation.
    case otherAmount = "other_amount"
    /// The opposite of the outcome that its operation has; changes nothing, a person has to look.
    case contradicts
  }

  let provider: String
  /// The provider's own id of the event.
  let eventID: String
  /// nil for an event of a kind that this service has no use for.
  let news: News?
  /// The event as it came, JSON.
  let payload: String
}

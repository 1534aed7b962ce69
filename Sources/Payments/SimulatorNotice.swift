import SharedKernel

/// An event of the simulator, as it is sent to the merchant's webhook.
struct SimulatorNotice: Codable, Hashable, Sendable {
  static let provider = "simulator"

  let id: UUID128
  /// The merchant's id of the operation: the idempotency key of its request.
  let operation: OperationID
  let kind: PaymentOperation.Kind
  let outcome: SimulatorVerdict.Outcome
  let reference: String
  let declineCode: String?
  /// Minor units.
  let amount: Int64
  let currency: String

  /// nil while the outcome is not there.
  var answer: ProviderAnswer? {
    switch outcome {
    case .succeeded: .succeeded(reference: reference)
    case .declined: .declined(code: declineCode ?? "declined", reference: reference)
    case .requiresAction: .requiresAction(reference: reference)
    case .pending: .pending(reference: reference)
    case .failing: nil
    }
  }
}

/// Sends the simulator's events to the merchant, as a provider does: signed, at least once, again
/// after a pause that grows when it is not answered.
struct SimulatorNotices: Sendable {
  /// How many events one round takes.
  static let batch = 50
  static let interval: Duration = .seconds(1)
  /// After so many tries the provider gives up; the merchant asks by itself all the same.
  static let triesMax = 20

  let store: any SimulatorNoticeStore
  let now: @Sendable () -> Timestamp
  /// - Throws: whatever says that the merchant did not take it.
  let send: @Sendable (SimulatorNotice) async throws -> Void

  /// One round.
  ///
  /// - Returns: how many were taken by the merchant.
  func round() async throws -> Int {
    var taken = 0
    for notice in try await store.takeDueNotices(limit: Self.batch, now: now()) {
      do {
        try await send(notice)
      } catch {
        // Due again after its pause.
        continue
      }
      try await store.noteDelivery(of: notice.id, now: now())
      taken += 1
    }
    return taken
  }
}

/// Where the simulator keeps its events.
protocol SimulatorNoticeStore: Sendable {
  /// Takes events that are due, each for a while that grows with its tries; what they tell of is
  /// brought about.
  func takeDueNotices(limit: Int, now: Timestamp) async throws -> [SimulatorNotice]
  func noteDelivery(of notice: UUID128, now: Timestamp) async throws
}

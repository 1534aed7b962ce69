import SharedKernel

/// What the simulator remembers of one request.
struct SimulatorRecord: Hashable, Sendable {
  let outcome: SimulatorVerdict.Outcome
  let declineCode: String?
  let readyAt: Timestamp
  /// How often the key was sent.
  let attempts: Int
  /// The simulator's name for the authorisation or the operation.
  let reference: String
  let token: String
}

/// Keeps what the simulator did, apart from this service's own records.
protocol SimulatorStore: SimulatorNoticeStore {
  /// Does what is asked, once for each key, and counts how often it was.
  func perform(
    _ kind: PaymentOperation.Kind, key: OperationID, authorization: OperationID, amount: Money,
    token: String?, delays: SimulatorDelays, now: Timestamp
  ) async throws -> SimulatorRecord

  /// What became of a key; a pending outcome that is due is brought about.
  func record(of key: OperationID, now: Timestamp) async throws -> SimulatorRecord?

  /// Lets the customer approve or reject; nothing happens unless the authorisation waits for it.
  func answerChallenge(of authorization: OperationID, approve: Bool, now: Timestamp) async throws

  func charges(from: Timestamp, to: Timestamp, limit: Int) async throws -> [ProviderCharge]
}

/// The built-in provider: charges nobody, but behaves like a provider, the bad days included.
///
/// It has a database role, a schema and connections of its own, so that a crash between "the
/// provider charged" and "we recorded it" is as real as with a real one.
struct SimulatorGateway: PaymentGateway, ChallengeDesk, ProviderRecords {
  let provider = SimulatorNotice.provider
  let store: any SimulatorStore
  var delays = SimulatorDelays()
  var now: @Sendable () -> Timestamp = { .now() }
  let sleep: @Sendable (Duration) async throws -> Void

  func authorize(
    _ request: AuthorizeRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    let record = try await store.perform(
      .authorize, key: request.operation, authorization: request.operation,
      amount: request.amount, token: request.token, delays: delays, now: now())
    return try await deliver(record, of: .authorize, within: limit)
  }

  func capture(
    _ request: FollowUpRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try await follow(request, .capture, within: limit)
  }

  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await follow(request, .void, within: limit)
  }

  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await follow(request, .refund, within: limit)
  }

  private func follow(
    _ request: FollowUpRequest, _ kind: PaymentOperation.Kind, within limit: Duration
  ) async throws -> ProviderAnswer {
    let record = try await store.perform(
      kind, key: request.operation, authorization: request.authorization, amount: request.amount,
      token: nil, delays: delays, now: now())
    return try await deliver(record, of: kind, within: limit)
  }

  func lookup(
    _ request: LookupRequest, within limit: Duration
  ) async throws -> ProviderAnswer? {
    guard let record = try await store.record(of: request.operation, now: now()),
      record.outcome != .failing
    else { return nil }
    return record.readyAt > now() ? .pending(reference: record.reference) : try answer(record)
  }

  func answerChallenge(of authorization: OperationID, approve: Bool) async throws {
    try await store.answerChallenge(of: authorization, approve: approve, now: now())
  }

  func charges(from: Timestamp, to: Timestamp, limit: Int) async throws -> [ProviderCharge] {
    try await store.charges(from: from, to: to, limit: limit)
  }

  /// The way back of an answer, on which it can be late or lost.
  private func deliver(
    _ record: SimulatorRecord, of kind: PaymentOperation.Kind, within limit: Duration
  ) async throws -> ProviderAnswer {
    if SimulatorVerdict.losesAnswer(kind, token: record.token, attempt: record.attempts) {
      try await sleep(limit)
      throw GatewayError.timedOut
    }
    let delay = record.readyAt.microseconds - now().microseconds
    if record.outcome == .succeeded, delay > 0 {
      let wait = Duration.microseconds(delay)
      try await sleep(min(wait, limit))
      if wait > limit { throw GatewayError.timedOut }
    }
    return try answer(record)
  }

  private func answer(_ record: SimulatorRecord) throws -> ProviderAnswer {
    switch record.outcome {
    case .failing: throw GatewayError.unavailable("the simulator was told to fail")
    case .succeeded: .succeeded(reference: record.reference)
    case .requiresAction: .requiresAction(reference: record.reference)
    case .pending: .pending(reference: record.reference)
    case .declined:
      .declined(code: record.declineCode ?? "declined", reference: record.reference)
    }
  }
}

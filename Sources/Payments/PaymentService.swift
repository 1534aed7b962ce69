import SharedKernel

/// Keeps payments, each with its operations, ledger and events.
protocol PaymentStore: Sendable {
  /// Stores a new payment with its first operation.
  ///
  /// - Returns: false if there is a payment of this id already; nothing is changed then.
  /// - Throws: `PaymentError.orderHasPayment` if the order has one of another id.
  func insert(_ payment: Payment) async throws -> Bool

  /// Reads one payment; nil if there is none.
  func payment(_ id: PaymentID) async throws -> Payment?

  /// Changes a payment under its row lock and stores it whole, with its journals and events, in one
  /// transaction. Nothing is stored if `change` throws; it may run more than once.
  ///
  /// - Returns: the payment as stored, and what `change` returned.
  /// - Throws: `NotFound`; `PaymentError.differs` if a new operation's id belongs to another payment.
  func update<Result: Sendable>(
    _ id: PaymentID, _ change: @Sendable (inout Payment) throws -> Result
  ) async throws -> (Payment, Result)

  /// Stores a provider's notice, and what it says about an operation through the same function as an
  /// answer, in one transaction: of a notice and an answer that race, one wins.
  func apply(_ notice: ProviderNotice) async throws -> ProviderNotice.Effect

  /// A page of payments, the newest first.
  func payments(_ filter: PaymentFilter, page: PageRequest) async throws -> Page<Payment>

  /// Takes operations that are pending and due, each for a while of its own, so that several workers
  /// do not ask about the same one.
  func takeDue(limit: Int, now: Timestamp) async throws -> [DueOperation]

  /// Takes payments that are being cancelled although nobody has moved them since `time`, each for a
  /// while of its own: those that the provider keeps refusing do not hold up the others.
  func takeStalledCancellations(
    unmovedSince time: Timestamp, limit: Int, now: Timestamp
  ) async throws -> [PaymentID]

  /// Takes payments whose hold should have ended, each for a while of its own, as above.
  func takeExpiredHolds(limit: Int, now: Timestamp) async throws -> [PaymentID]
}

/// Which payments a list shows; nil leaves a column free.
struct PaymentFilter: Hashable, Sendable {
  var userID: UserID?
  var orderID: OrderID?
  var state: PaymentState?
  var from: Timestamp?
  var to: Timestamp?
}

struct DueOperation: Hashable, Sendable {
  let payment: PaymentID
  let operation: OperationID
}

/// How long things may take.
struct PaymentTimings: Hashable, Sendable {
  /// How long a request waits for the provider before it answers 202: well below the 5 s that the
  /// order service allows a call, and below what its circuit breaker takes for slow.
  var providerWait: Duration = .seconds(3)
  /// How long the provider remembers idempotency keys: after this an operation is only looked up.
  var keyMemory: Duration = .seconds(12 * 3600)
  /// How long an authorisation holds.
  var holdLifetime: Duration = .seconds(7 * 24 * 3600)
  /// How old a pending operation is when the recovery worker takes it.
  var recoveryAge: Duration = .seconds(5)
  /// How old a provider's signed notice may be.
  var noticeTolerance: Duration = .seconds(5 * 60)
  /// How often the recovery worker looks.
  var recoveryInterval: Duration = .seconds(1)
}

/// What a command came to.
struct PaymentAnswer: Sendable {
  enum Outcome: Hashable, Sendable {
    /// Done, by this command or by an earlier one with the same id.
    case done(isNew: Bool)
    /// The provider's answer is not known yet; ask again.
    case underway
  }

  let payment: Payment
  let outcome: Outcome
}

/// What a capture or a refund came to: the operation as it stands.
struct OperationAnswer: Sendable {
  let payment: Payment
  let operation: PaymentOperation
  /// Whether this command began it, and not an earlier one with the same id.
  let isNew: Bool

  /// The same, for callers to whom a refusal of the provider is an error.
  ///
  /// - Throws: `PaymentError.declined`.
  func get() throws(PaymentError) -> PaymentAnswer {
    switch operation.state {
    case .succeeded: return PaymentAnswer(payment: payment, outcome: .done(isNew: isNew))
    case .pending, .waiting: return PaymentAnswer(payment: payment, outcome: .underway)
    case .failed: throw declined
    }
  }

  /// How a refusal of the provider is told.
  var declined: PaymentError {
    .declined(code: operation.declineCode ?? "declined", order: payment.orderID)
  }
}

/// The commands on payments. Each stores its operation first, asks the provider with no transaction
/// open, and then stores the outcome: a process that dies in between leaves a pending operation,
/// which the recovery worker asks about again under the same id.
struct PaymentService: Sendable {
  let store: any PaymentStore
  let gateway: any PaymentGateway
  /// nil for a provider with a page of its own.
  let challenges: (any ChallengeDesk)?
  let timings: PaymentTimings
  let now: @Sendable () -> Timestamp
  /// Is told when the provider's answer stayed unknown; for the log.
  let unanswered: @Sendable (OperationID, any Error) -> Void

  init(
    store: any PaymentStore, gateway: any PaymentGateway, challenges: (any ChallengeDesk)? = nil,
    timings: PaymentTimings = PaymentTimings(),
    now: @escaping @Sendable () -> Timestamp = { .now() },
    unanswered: @escaping @Sendable (OperationID, any Error) -> Void = { _, _ in }
  ) {
    self.store = store
    self.gateway = gateway
    self.challenges = challenges
    self.timings = timings
    self.now = now
    self.unanswered = unanswered
  }

  /// Authorises a new payment, or says what became of it.
  ///
  /// - Parameter hash: of the whole request; the same id with another hash is refused.
  /// - Throws: `PaymentError` `.declined`, `.closed`, `.differs`, `.orderHasPayment`.
  func authorize(
    _ id: PaymentID, _ request: PaymentRequest, hash: [UInt8]
  ) async throws -> PaymentAnswer {
    var payment = Payment(
      accepting: request, id: id, requestHash: hash, now: now(),
      holdLifetime: timings.holdLifetime)
    let isNew = try await store.insert(payment)
    if !isNew {
      payment = try await existing(id)
      guard !payment.state.isClosed || payment.state == .declined else {
        throw PaymentError.closed(payment.state)
      }
      guard payment.requestHash == hash else { throw PaymentError.differs("a payment") }
    }
    if let authorization = payment.authorization, authorization.isOpen {
      payment = try await ask(authorization, of: payment) ?? payment
    }
    return try authorized(payment, isNew: isNew)
  }

  private func authorized(_ payment: Payment, isNew: Bool) throws(PaymentError) -> PaymentAnswer {
    switch payment.state {
    case .created, .authorizing: PaymentAnswer(payment: payment, outcome: .underway)
    case .declined:
      throw .declined(code: payment.declineCode ?? "declined", order: payment.orderID)
    case .cancelling, .cancelled, .expired: throw .closed(payment.state)
    case .requiresAction, .authorized, .captured, .partiallyRefunded, .refunded:
      PaymentAnswer(payment: payment, outcome: .done(isNew: isNew))
    }
  }

  /// Captures part or all of what is held; the same id again says what became of it.
  ///
  /// - Throws: `NotFound`; `PaymentError` as `Payment.begin`, and `.declined`.
  func capture(
    _ payment: PaymentID, _ id: OperationID, amount: Int64
  ) async throws -> PaymentAnswer {
    try await perform(.capture, id, amount: amount, of: payment).get()
  }

  /// Refunds part or all of what was captured; the same id again says what became of it.
  ///
  /// - Throws: `NotFound`; `PaymentError` as `Payment.begin`, and `.declined`.
  func refund(
    _ payment: PaymentID, _ id: OperationID, amount: Int64
  ) async throws -> PaymentAnswer {
    try await perform(.refund, id, amount: amount, of: payment).get()
  }

  /// What staff ask for themselves: as `capture` and `refund`, whatever the provider said.
  func perform(_ command: StaffCommand, on payment: PaymentID) async throws -> OperationAnswer {
    try await perform(
      command.kind, command.id, amount: command.amount, of: payment, hash: command.requestHash,
      reason: command.reason)
  }

  private func perform(
    _ kind: PaymentOperation.Kind, _ id: OperationID, amount: Int64?, of paymentID: PaymentID,
    hash: [UInt8]? = nil, reason: String? = nil
  ) async throws -> OperationAnswer {
    let time = now()
    var (payment, isNew) = try await store.update(paymentID) { payment in
      try payment.begin(kind, id: id, amount: amount, now: time, hash: hash, reason: reason)
    }
    if let operation = payment.operation(id), operation.isOpen {
      payment = try await ask(operation, of: payment) ?? payment
    }
    guard let operation = payment.operation(id) else { throw NotFound("operation") }
    return OperationAnswer(payment: payment, operation: operation, isNew: isNew)
  }

  /// The customer's answer to the simulated 3-D Secure.
  ///
  /// - Throws: `NotFound`; `PaymentError` `.declined` (also after a rejection), `.closed`,
  ///   `.inProgress`.
  func confirm(_ id: PaymentID, approve: Bool) async throws -> PaymentAnswer {
    guard let challenges else { throw NotFound("challenge") }
    var payment = try await existing(id)
    if payment.state == .requiresAction, let authorization = payment.authorization {
      try await challenges.answerChallenge(of: authorization.id, approve: approve)
      payment = try await ask(authorization, of: payment) ?? payment
    }
    guard payment.state != .authorizing else { throw PaymentError.inProgress }
    return try authorized(payment, isNew: false)
  }

  func existing(_ id: PaymentID) async throws -> Payment {
    guard let payment = try await store.payment(id) else { throw NotFound("payment") }
    return payment
  }
}

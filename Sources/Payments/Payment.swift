import SharedKernel

typealias PaymentID = ID<Payment>

/// Marks ids of orders; the order itself lives elsewhere.
enum OrderSubject {}
typealias OrderID = ID<OrderSubject>

/// A payment with its operations: every rule about what may be begun and what an outcome means.
///
/// A change is made in memory, under the payment's row lock, and stored whole; what it books and
/// announces is collected in `journals` and `events` and stored with it.
struct Payment: Hashable, Sendable {
  let id: PaymentID
  let orderID: OrderID
  let userID: UserID?
  /// What was asked for; authorised is at most this.
  let amount: Money
  let captureMode: CaptureMode
  /// Tells a repeated request from another; nil for a tombstone.
  let requestHash: [UInt8]?
  /// When the hold ends.
  let expiresAt: Timestamp
  let createdAt: Timestamp
  private(set) var state: PaymentState
  private(set) var figures: PaymentFigures
  /// The provider's own name for the authorisation.
  private(set) var providerReference: String?
  /// Where the customer acts, if that is a page of the provider's.
  private(set) var challengeURL: String?
  /// Rises with every change.
  private(set) var version: Int
  private(set) var operations: [PaymentOperation]

  /// Booked by changes since this value was read.
  private(set) var journals: [Journal] = []
  /// Announced by changes since this value was read.
  private(set) var events: [PaymentEvent] = []

  /// As it was stored.
  init(
    id: PaymentID, orderID: OrderID, userID: UserID?, amount: Money, captureMode: CaptureMode,
    requestHash: [UInt8]?, expiresAt: Timestamp, createdAt: Timestamp, state: PaymentState,
    figures: PaymentFigures, providerReference: String?, version: Int,
    operations: [PaymentOperation], challengeURL: String? = nil
  ) {
    self.id = id
    self.orderID = orderID
    self.userID = userID
    self.amount = amount
    self.captureMode = captureMode
    self.requestHash = requestHash
    self.expiresAt = expiresAt
    self.createdAt = createdAt
    self.state = state
    self.figures = figures
    self.providerReference = providerReference
    self.version = version
    self.operations = operations
    self.challengeURL = challengeURL
  }

  var authorization: PaymentOperation? { operations.first { $0.kind == .authorize } }

  var declineCode: String? { state == .declined ? authorization?.declineCode : nil }

  func operation(_ id: OperationID) -> PaymentOperation? {
    operations.first { $0.id == id }
  }

  /// The sum of the operations of this kind whose outcome is open.
  private func pendingAmount(of kind: PaymentOperation.Kind) -> Int64 {
    operations.filter { $0.kind == kind && $0.isOpen }.reduce(0) { $0 + $1.amount }
  }
}

// MARK: Beginning an operation

extension Payment {
  /// A new payment whose authorisation is about to be asked for.
  init(
    accepting request: PaymentRequest, id: PaymentID, requestHash: [UInt8], now: Timestamp,
    holdLifetime: Duration
  ) {
    self.init(
      id: id, orderID: request.orderID, userID: request.userID, amount: request.amount,
      captureMode: request.captureMode, requestHash: requestHash, expiresAt: now + holdLifetime,
      createdAt: now, state: .created, figures: .zero, providerReference: nil, version: 1,
      operations: [
        PaymentOperation(
          id: .new(), kind: .authorize, amount: request.amount.minorUnits, token: request.token,
          createdAt: now)
      ])
    move(to: .authorizing)
  }

  /// What remains of a payment that was cancelled before it was asked for: a closed record, so that
  /// the request that comes late is refused.
  init(tombstone id: PaymentID, orderID: OrderID, currency: Currency, now: Timestamp) {
    self.init(
      id: id, orderID: orderID, userID: nil, amount: .zero(currency), captureMode: .automatic,
      requestHash: nil, expiresAt: now, createdAt: now, state: .cancelled, figures: .zero,
      providerReference: nil, version: 1, operations: [])
  }

  /// Begins a capture or a refund; the same id again is the same operation.
  ///
  /// - Parameters:
  ///   - amount: nil for all that is held.
  ///   - hash: of a request that is told from others by more than its amount.
  ///   - reason: for people.
  /// - Returns: whether it is new.
  /// - Throws: `PaymentError` if the state or the amounts, pending ones counted, do not allow it.
  mutating func begin(
    _ kind: PaymentOperation.Kind, id: OperationID, amount: Int64?, now: Timestamp,
    hash: [UInt8]? = nil, reason: String? = nil
  ) throws(PaymentError) -> Bool {
    precondition(kind == .capture || kind == .refund, "begun by other means")
    if let known = operation(id) {
      guard known.kind == kind, known.amount == amount ?? known.amount, known.requestHash == hash
      else { throw .differs("a \(known.kind.rawValue)") }
      return false
    }
    guard !state.isClosed else { throw .closed(state) }
    // At least one, so that nothing left to capture is refused as too much.
    let amount = amount ?? max(1, capturable)
    switch kind {
    case .capture: try requireCapturable(amount)
    case .refund, .authorize, .void: try requireRefundable(amount)
    }
    append(
      PaymentOperation(
        id: id, kind: kind, amount: amount, createdAt: now, requestHash: hash, reason: reason))
    return true
  }

  /// What is held and neither captured nor about to be.
  private var capturable: Int64 {
    figures.hold - pendingAmount(of: .capture) - pendingAmount(of: .void)
  }

  private func requireCapturable(_ amount: Int64) throws(PaymentError) {
    switch state {
    case .authorizing: throw .inProgress
    case .created, .requiresAction: throw .invalidTransition(from: state, to: .captured)
    default: break
    }
    guard amount <= capturable else {
      throw .captureExceedsAuthorized(capturable: capturable, from: state)
    }
  }

  private func requireRefundable(_ amount: Int64) throws(PaymentError) {
    let refundable = figures.refundable - pendingAmount(of: .refund)
    guard amount <= refundable else { throw .refundExceedsCaptured(refundable: refundable) }
  }

  private mutating func append(_ operation: PaymentOperation) {
    operations.append(operation)
    version += 1
  }
}

// MARK: Cancelling

extension Payment {
  /// What a cancellation does next.
  enum CancellationStep: Hashable, Sendable {
    /// Nothing is held or kept any more.
    case closed
    /// The outcome of this operation has to be known first.
    case ask(OperationID)
    /// The provider refused just now; it is asked again after a pause.
    case later
  }

  /// Closes the payment to new operations and begins what is needed to give back what was held or
  /// captured: one void, then one refund, each under an id derived from the payment's. Called again
  /// after each outcome, until it says `closed`.
  mutating func cancel(now: Timestamp) -> CancellationStep {
    switch state {
    case .declined, .cancelled, .expired, .refunded: return .closed
    case .cancelling: break
    case .created, .authorizing, .requiresAction, .authorized, .captured, .partiallyRefunded:
      move(to: .cancelling)
      version += 1
    }
    if let pending = operations.first(where: { $0.state == .pending }) { return .ask(pending.id) }
    if let authorization, authorization.state == .waiting {
      return undo(.void, amount: authorization.amount, now: now)
    }
    if figures.hold > 0 { return undo(.void, amount: figures.hold, now: now) }
    if figures.refundable > 0 { return undo(.refund, amount: figures.refundable, now: now) }
    close()
    announce(.voided)
    return .closed
  }

  /// Begins to let go of a hold whose time is over; nil while an operation is open, or if there is
  /// nothing to let go of, or not yet again.
  mutating func expire(now: Timestamp) -> OperationID? {
    guard now >= expiresAt, !operations.contains(where: { $0.state == .pending }) else {
      return nil
    }
    let held: Int64
    switch state {
    case .requiresAction: held = amount.minorUnits
    case .authorized, .partiallyRefunded: held = figures.hold
    case .created, .authorizing, .captured, .refunded, .declined, .cancelling, .cancelled,
      .expired:
      held = 0
    }
    guard held > 0, case .ask(let void) = undo(.void, amount: held, now: now) else { return nil }
    return void
  }

  /// Begins a void or refund. One that the provider refused is tried again under another id, after
  /// 10, 20, 40 s .. 43 min.
  private mutating func undo(
    _ kind: PaymentOperation.Kind, amount: Int64, now: Timestamp
  ) -> CancellationStep {
    var attempt = 1
    while let known = operation(.undoing(id, attempt: attempt)) {
      let pause = Duration.seconds(5 << min(attempt, 9))
      if known.state == .failed, now < known.createdAt + pause { return .later }
      attempt += 1
    }
    let undoing = OperationID.undoing(id, attempt: attempt)
    append(PaymentOperation(id: undoing, kind: kind, amount: amount, createdAt: now))
    return .ask(undoing)
  }

  private mutating func close() {
    move(to: .cancelled)
  }
}

// MARK: Outcomes

extension Payment {
  /// Applies what the provider said about an operation: its state, the figures, the journal and the
  /// event. An operation that has its outcome already is left alone, so that of several who learn it
  /// (the request, the recovery, a notice of the provider) one wins and the others change nothing.
  mutating func settle(_ id: OperationID, _ answer: ProviderAnswer) {
    guard let index = operations.firstIndex(where: { $0.id == id && $0.isOpen }) else { return }
    let kind = operations[index].kind
    switch answer {
    case .succeeded(let reference):
      operations[index].succeed(reference: reference)
      switch kind {
      case .authorize: authorized(operations[index], reference: reference)
      case .capture: captured(operations[index])
      case .void: voided(operations[index])
      case .refund: refunded(operations[index])
      }
    case .declined(let code, let reference):
      operations[index].fail(code: code, reference: reference)
      failed(operations[index])
    case .requiresAction(let reference, let url):
      guard kind == .authorize, operations[index].state == .pending else { return }
      operations[index].wait(reference: reference)
      providerReference = reference
      challengeURL = url
      if state == .authorizing { move(to: .requiresAction) }
      announce(.requiresAction)
    case .pending(let reference):
      guard operations[index].providerReference == nil else { return }
      operations[index].note(reference: reference)
      if kind == .refund { announce(.refundPending, operations[index]) }
    }
    if state == .cancelling, isUndone { close() }
  }

  /// As `settle` an answer, unless the notice speaks of another amount than the operation.
  mutating func settle(_ news: ProviderNotice.News) -> ProviderNotice.Effect {
    guard let operation = operation(news.operation) else { return .unknownOperation }
    guard news.amount == nil || news.amount == operation.amount else { return .otherAmount }
    guard !contradicts(news.answer, operation) else { return .contradicts }
    let before = version
    settle(news.operation, news.answer)
    return version == before ? .knownBefore : .settled
  }

  /// Whether the provider tells the opposite of an outcome that is booked, or was refused, already.
  private func contradicts(_ answer: ProviderAnswer, _ operation: PaymentOperation) -> Bool {
    // An authorisation ends with its void: the provider may then tell either of it.
    if operation.kind == .authorize,
      operations.contains(where: { $0.kind == .void && $0.state != .failed })
    {
      return false
    }
    return switch (operation.state, answer) {
    case (.succeeded, .declined), (.failed, .succeeded): true
    case (_, _): false
    }
  }

  /// Whether nothing is held, kept or open.
  private var isUndone: Bool {
    figures.hold == 0 && figures.refundable == 0 && !operations.contains { $0.isOpen }
  }

  private mutating func authorized(_ operation: PaymentOperation, reference: String) {
    figures.authorize(operation.amount)
    providerReference = reference
    book(operation, amount: operation.amount)
    if state != .cancelling { move(to: .authorized) }
    announce(.authorized)
  }

  private mutating func captured(_ operation: PaymentOperation) {
    figures.capture(operation.amount)
    book(operation, amount: operation.amount)
    settleOpenState()
    announce(.captured, operation)
  }

  private mutating func refunded(_ operation: PaymentOperation) {
    figures.refund(operation.amount)
    book(operation, amount: operation.amount)
    settleOpenState()
    announce(.refundSucceeded, operation)
  }

  private mutating func voided(_ operation: PaymentOperation) {
    // An authorisation that still waits for the customer ended with it, and nothing was ever held.
    if let index = operations.firstIndex(where: { $0.kind == .authorize && $0.isOpen }) {
      operations[index].fail(code: "voided", reference: nil)
    }
    if figures.hold > 0 { book(operation, amount: figures.hold) }
    figures.voidHold()
    switch state {
    case .declined:
      // The customer's refusal came before the void of what waited for it: that has been told.
      version += 1
    case .cancelling:
      announce(.voided)
    case _ where figures.captured == 0:
      move(to: .expired)
      announce(.expired)
    default:
      settleOpenState()
      announce(.voided)
    }
  }

  private mutating func failed(_ operation: PaymentOperation) {
    switch operation.kind {
    case .authorize where state == .cancelling: announce(.voided)
    case .authorize:
      move(to: .declined)
      announce(.declined)
    case .refund: announce(.refundFailed, operation)
    case .capture, .void: version += 1
    }
  }

  private mutating func settleOpenState() {
    if state != .cancelling { move(to: figures.openState) }
  }

  private mutating func book(_ operation: PaymentOperation, amount: Int64) {
    journals.append(Journal(operation.kind, of: amount, operation: operation.id))
  }

  private mutating func announce(
    _ type: PaymentEvent.Kind, _ operation: PaymentOperation? = nil
  ) {
    version += 1
    events.append(PaymentEvent(type, version: version, operation: operation))
  }

  /// The states' own table is the last word.
  private mutating func move(to next: PaymentState) {
    guard next != state else { return }
    precondition(
      state.successors.contains(next), "a payment never goes from \(state) to \(next)")
    state = next
  }
}

import SharedKernel

/// Where sagas are kept. Each call is one database transaction; those that take a lease throw
/// `LeaseLost` when its epoch has passed, and leave no effect.
protocol SagaStore: Sendable {
  /// Ends the leases of whoever ran sagas before where this process does, as after a crash. A saga that somebody
  /// is just changing is passed over.
  func freePredecessorsLeases() async throws
  /// Takes sagas that are due, and whose lease is free, for `lease` from now; the longest due first.
  func takeDue(countMax: Int, lease: Duration) async throws -> [SagaLease]
  /// Takes the running saga of one order if its lease is free.
  func take(of order: OrderID, lease: Duration) async throws -> SagaLease?

  /// Records the next step and renews the lease, before the step's first call.
  func advance(
    _ lease: SagaLease, to step: CheckoutSaga.Step, figures: PaymentFigures?, for: Duration
  ) async throws -> SagaLease
  /// Counts a call that told nothing, and keeps the lease.
  func renew(_ lease: SagaLease, trouble: String, for: Duration) async throws -> SagaLease
  /// Frees the lease; the saga is due after `pause`, or at once if it has been woken meanwhile.
  func giveBack(_ lease: SagaLease, after pause: Duration, trouble: String?) async throws
  /// Puts a saga that does not come forward before a person. It still runs.
  func park(_ lease: SagaLease, trouble: String) async throws

  // The transitions of the order, each with its history, its saga and its event.
  func refuse(_ lease: SagaLease, _ cancellation: Cancellation) async throws
  func awaitPayment(
    _ lease: SagaLease, _ action: NextAction?, figures: PaymentFigures?, deadline: Timestamp,
    pause: Duration
  ) async throws
  func resume(
    _ lease: SagaLease, at step: CheckoutSaga.Step, figures: PaymentFigures?, deadline: Timestamp,
    for: Duration
  ) async throws -> SagaLease
  func turnBack(
    _ lease: SagaLease, _ cancellation: Cancellation, to step: CheckoutSaga.Step,
    figures: PaymentFigures?, for: Duration
  ) async throws -> SagaLease
  /// - Returns: false if someone has asked to cancel the order.
  func confirm(_ lease: SagaLease, figures: PaymentFigures?) async throws -> Bool
  func close(_ lease: SagaLease, figures: PaymentFigures?) async throws

  // The ends of shipments and refunds, each with its order, its saga and its event.
  func ship(_ lease: SagaLease, figures: PaymentFigures?) async throws
  func refund(_ lease: SagaLease, figures: PaymentFigures?) async throws
  func giveUp(
    _ lease: SagaLease, _ failure: FollowUpFailure, figures: PaymentFigures?
  ) async throws
}

/// The stock of the product service. A call says what came of it and never throws: nothing heard is
/// an answer too. `limit` is what the caller will wait at most; nil leaves it to the call's own.
protocol StockKeeper: Sendable {
  func hold(
    _ lines: [SagaInput.Line], for order: OrderID, until: Timestamp, limit: Duration?
  ) async -> StepResult
  func commitHold(of order: OrderID, limit: Duration?) async -> StepResult
  func releaseHold(of order: OrderID, limit: Duration?) async -> StepResult
  func fulfil(
    _ lines: [SagaInput.Line], of order: OrderID, as shipment: UUID128, limit: Duration?
  ) async -> StepResult
  func restock(
    _ lines: [SagaInput.Line], with refund: UUID128, limit: Duration?
  ) async -> StepResult
}

/// The payments of the payment service; as `StockKeeper`.
protocol PaymentDesk: Sendable {
  func authorize(_ order: CheckoutOrder, token: String, limit: Duration?) async -> StepResult
  func capture(
    _ amount: Int64, of order: CheckoutOrder, as capture: ID<SagaInput>, limit: Duration?
  ) async -> StepResult
  func cancelPayment(of order: CheckoutOrder, limit: Duration?) async -> StepResult
  func refund(
    _ amount: Int64, of order: CheckoutOrder, as refund: UUID128, limit: Duration?
  ) async -> StepResult
}

/// Runs a saga from where it stands: does what `CheckoutSaga` decides, and records it.
struct CheckoutRunner: Sendable {
  let store: any SagaStore
  let stock: any StockKeeper
  let payments: any PaymentDesk
  let timings: CheckoutTimings
  var now: @Sendable () -> Timestamp = { .now() }
  /// From 0 up to 1.
  var random: @Sendable () -> Double = { .random(in: 0..<1) }
  var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  /// Told of each point that a drill may have something go wrong at; what it throws ends the run as a
  /// crash would: the lease runs out.
  var pass: @Sendable (_ point: String) async throws -> Void = { _ in }

  /// `saga.S1.before` and the like: before and after each remote call, and each last transaction.
  static let points = (CheckoutSaga.Step.allCases.map(\.rawValue) + ["T1", "C0", "T2", "T3"])
    .flatMap { ["saga.\($0).before", "saga.\($0).after"] }

  /// Goes on until the saga is done, or has to wait; then its lease is free again.
  ///
  /// - Parameter until: when the caller stops waiting: the saga is given back then, wherever it
  ///   stands. nil: the caller has time.
  /// - Throws: what the store throws. That the lease was lost is no error: its successor goes on.
  func run(_ lease: SagaLease, until: Timestamp? = nil) async throws {
    var lease = lease
    do {
      try await follow(&lease, until: until)
    } catch is LeaseLost {
      return
    } catch let cancellation as CancellationError {
      // The record under way may have been made; the next holder finds out.
      try await giveBack(lease)
      throw cancellation
    } catch {
      // What fails in the same way for ever shows nowhere else. If this fails too, the first error
      // tells more, and the lease ends by itself.
      if isStuck(lease) { try? await slowDown(lease, trouble: String("\(error)".prefix(300))) }
      throw error
    }
  }

  /// - Parameter lease: as it was recorded last, however this ends.
  private func follow(_ lease: inout SagaLease, until: Timestamp?) async throws {
    var result = StepResult(.unknown)
    var move = lease.saga.beforeCall(cancelRequested: lease.cancelRequested, now: now())
    while true {
      switch move {
      case .call:
        if isOver(until) { return try await giveBack(lease) }
        try await pass("saga.\(lease.step.rawValue).before")
        result = await call(lease, limit: limit(until))
        try await pass("saga.\(lease.step.rawValue).after")
        move = lease.saga.after(result.answer)

      case .advance(let step):
        lease = try await store.advance(
          lease, to: step, figures: result.figures, for: timings.lease)
        move = lease.saga.beforeCall(cancelRequested: lease.cancelRequested, now: now())

      case .extendHold:
        if isOver(until) { return try await giveBack(lease) }
        let extended = await hold(lease, for: timings.extendedHold, limit: limit(until))
        move = lease.saga.afterExtension(extended.answer)
        if move != .awaitPayment { result = extended }

      case .awaitPayment:
        return try await store.awaitPayment(
          lease, result.nextAction, figures: result.figures,
          deadline: now() + timings.paymentWait, pause: timings.waitingPace)

      case .resume(let step):
        lease = try await store.resume(
          lease, at: step, figures: result.figures,
          deadline: (lease.deadline ?? now()) + timings.afterPayment, for: timings.lease)
        move = lease.saga.beforeCall(cancelRequested: lease.cancelRequested, now: now())

      case .confirm:
        try await pass("saga.T1.before")
        let isConfirmed = try await store.confirm(lease, figures: result.figures)
        try await pass("saga.T1.after")
        if isConfirmed { return }
        move = lease.saga.turnBack(Cancellation(.requested))

      case .refuse(let cancellation):
        return try await store.refuse(lease, cancellation)

      case .turnBack(let cancellation, let step):
        lease = try await store.turnBack(
          lease, cancellation, to: step, figures: result.figures, for: timings.lease)
        move = .call

      case .close:
        try await pass("saga.C0.before")
        try await store.close(lease, figures: result.figures)
        return try await pass("saga.C0.after")

      case .ship:
        try await pass("saga.T2.before")
        try await store.ship(lease, figures: result.figures)
        return try await pass("saga.T2.after")

      case .refund:
        try await pass("saga.T3.before")
        try await store.refund(lease, figures: result.figures)
        return try await pass("saga.T3.after")

      case .giveUp(let failure):
        return try await store.giveUp(lease, failure, figures: result.figures)

      case .askAgain(.waiting):
        // With a deadline the wait has an end of its own.
        if lease.deadline == nil, isStuck(lease) { return try await slowDown(lease, trouble: nil) }
        return try await store.giveBack(lease, after: timings.waitingPace, trouble: nil)

      case .askAgain(.failed):
        guard let renewed = try await pause(lease, after: result, until: until) else { return }
        lease = renewed
        move = lease.saga.beforeCall(cancelRequested: lease.cancelRequested, now: now())
      }
    }
  }

  // MARK: Calls

  private func call(_ lease: SagaLease, limit: Duration?) async -> StepResult {
    let order = lease.order
    switch lease.step {
    case .hold:
      return await hold(lease, for: timings.hold, limit: limit)
    case .authorize:
      return await payments.authorize(order, token: lease.input.paymentToken, limit: limit)
    case .commitHold:
      return await stock.commitHold(of: order.id, limit: limit)
    case .capture:
      return await payments.capture(
        order.total.minorUnits, of: order, as: lease.input.captureId, limit: limit)
    case .cancelPayment:
      return await payments.cancelPayment(of: order, limit: limit)
    case .releaseHold:
      return await stock.releaseHold(of: order.id, limit: limit)
    case .captureShare:
      return await payments.capture(
        lease.input.amount ?? 0, of: order, as: lease.input.captureId, limit: limit)
    case .fulfil:
      return await stock.fulfil(
        lease.input.lines, of: order.id, as: lease.reference, limit: limit)
    case .refundPayment:
      return await payments.refund(
        lease.input.amount ?? 0, of: order, as: lease.reference, limit: limit)
    case .restock:
      return await stock.restock(lease.input.lines, with: lease.reference, limit: limit)
    }
  }

  private func hold(
    _ lease: SagaLease, for duration: Duration, limit: Duration?
  ) async -> StepResult {
    await stock.hold(
      lease.input.lines, for: lease.order.id, until: now() + duration, limit: limit)
  }

  // MARK: Waiting

  private func isOver(_ until: Timestamp?) -> Bool {
    Task.isCancelled || until.map { now() >= $0 } == true
  }

  private func limit(_ until: Timestamp?) -> Duration? {
    until.map { .microseconds($0.microseconds - now().microseconds) }
  }

  private func giveBack(_ lease: SagaLease) async throws {
    guard Task.isCancelled else {
      return try await store.giveBack(lease, after: .zero, trouble: nil)
    }
    // A task of its own, since nothing can be written any more in one that is cancelled; awaited, so
    // that it does not outlive the request.
    try await Task { try await store.giveBack(lease, after: .zero, trouble: nil) }.value
  }

  /// Whether the saga has made no progress for so long that a person should know.
  private func isStuck(_ lease: SagaLease) -> Bool {
    lease.progressedAt + timings.parkAfter <= now()
  }

  /// Puts the saga before a person, once, and gives it back for long.
  ///
  /// - Parameter trouble: nil where it is being waited for.
  private func slowDown(_ lease: SagaLease, trouble: String?) async throws {
    if !lease.isParked { try await store.park(lease, trouble: trouble ?? "still waiting") }
    try await store.giveBack(lease, after: timings.parkedPace, trouble: trouble)
  }

  /// After a call that told nothing: waits here if the caller has the time, else gives the saga back.
  ///
  /// - Returns: the renewed lease, or nil when it was given back.
  private func pause(
    _ lease: SagaLease, after result: StepResult, until: Timestamp?
  ) async throws -> SagaLease? {
    if isOver(until) {
      // Cut short by us: it says nothing about the peer.
      try await giveBack(lease)
      return nil
    }
    let trouble = result.trouble ?? "no answer"
    if isStuck(lease) {
      try await slowDown(lease, trouble: trouble)
      return nil
    }
    let backoff = timings.backoff(attempts: lease.attempts + 1, random: random())
    let delay = max(backoff, result.retryAfter ?? .zero)
    guard let until, now() + delay < until else {
      try await store.giveBack(lease, after: delay, trouble: trouble)
      return nil
    }
    let renewed = try await store.renew(lease, trouble: trouble, for: timings.lease)
    try await sleep(delay)
    return renewed
  }
}

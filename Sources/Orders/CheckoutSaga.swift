import SharedKernel

/// The checkout's decisions, apart from everything that does them: given where the saga stands and
/// what was answered, what comes next. (Garcia-Molina and Salem, "Sagas", 1987.)
///
/// Forward: hold stock, authorise the payment, commit the hold, capture, confirm. Backward: cancel the
/// payment, release the hold, close. The direction turns once, at most: once `confirmed` is committed
/// the order only goes forward, once `cancelling` is committed only back. The same machine, started
/// backward, cancels a confirmed order; started further on, it ships or refunds one, and that has no
/// way back: what its first call refuses leaves the order as it was, the rest is asked for until done.
struct CheckoutSaga: Hashable, Sendable {
  /// The remote calls. Each may be repeated by anyone who finds the saga unfinished: it is addressed
  /// by an id that was made when the order was accepted.
  enum Step: String, Codable, Sendable, CaseIterable {
    case hold = "S1"
    case authorize = "S2"
    case commitHold = "S3"
    case capture = "S4"
    case cancelPayment = "C2"
    case releaseHold = "C1"
    case captureShare = "F1"
    case fulfil = "F2"
    case refundPayment = "R1"
    case restock = "R2"

    var direction: Direction {
      switch self {
      case .hold, .authorize, .commitHold, .capture, .captureShare, .fulfil, .refundPayment,
        .restock:
        .forward
      case .cancelPayment, .releaseHold: .backward
      }
    }
  }

  enum Direction: String, Sendable {
    case forward, backward
  }

  /// What came of a call.
  enum Answer: Hashable, Sendable {
    case done
    /// Taken on, but not finished: for the customer or the provider to go on.
    case waiting
    /// One of the refusals that the step's contract names: the same call would be refused again.
    case refused(Refusal)
    /// No answer, or one that tells nothing about the effect.
    case unknown
  }

  enum Refusal: Hashable, Sendable {
    /// Not enough stock to hold, or to hold anew.
    case noStock([Shortage])
    /// The reservation is closed.
    case holdClosed
    case declined(code: String?)
    /// The payment is closed, or can never be made as asked.
    case paymentRefused
    /// More than is left to ship.
    case overShipped
    /// More than was captured and not paid back.
    case exceedsCaptured
  }

  enum Move: Hashable, Sendable {
    /// Make the call of the present step.
    case call
    /// Record the step, then make its call.
    case advance(to: Step)
    /// Extend the hold; then, if the order is not there yet, let it await its payment.
    case extendHold
    /// The order awaits its payment; ask again later.
    case awaitPayment
    /// The awaited payment is there: the order is pending again and goes on with this step.
    case resume(at: Step)
    /// Try to confirm the order: the last step.
    case confirm
    /// The hold was refused and nothing else was begun: the order is cancelled at once.
    case refuse(Cancellation)
    /// Commit that the order is being cancelled, then undo from this step on.
    case turnBack(Cancellation, to: Step)
    /// All is undone: the order is cancelled.
    case close
    /// The units have left the house: the last step of a shipment.
    case ship
    /// The money is paid back: the last step of a refund.
    case refund
    /// The shipment or refund came to nothing, and the order stays as it was.
    case giveUp(FollowUpFailure)
    /// Make the same call later.
    case askAgain(Wait)
  }

  enum Wait: Hashable, Sendable {
    /// Soon, with backoff: the last call told nothing.
    case failed
    /// At the pace of something that takes its time.
    case waiting
  }

  let step: Step
  let orderState: OrderState
  /// False for an order that costs nothing: it has no payment.
  let hasPayment: Bool
  let captureMode: CaptureMode
  /// When checkout gives up; compensations never do.
  let deadline: Timestamp
  /// Whether a shipment's share is captured first.
  var capturesShare = false
  /// Whether a refund's units go back on the shelf.
  var restocks = false

  /// What to do before the call of the present step, after every pause and every record.
  func beforeCall(cancelRequested: Bool, now: Timestamp) -> Move {
    guard step.direction == .forward else { return .call }
    if cancelRequested { return turnBack(Cancellation(.requested)) }
    if now >= deadline { return turnBack(Cancellation(.timedOut)) }
    return .call
  }

  /// What to do with the answer to the call of the present step.
  func after(_ answer: Answer) -> Move {
    switch (step, answer) {
    case (.cancelPayment, .waiting), (_, .unknown):
      .askAgain(.failed)

    case (.hold, .done):
      .advance(to: hasPayment ? .authorize : .commitHold)
    case (.authorize, .done):
      orderState == .awaitingPayment ? .resume(at: .commitHold) : .advance(to: .commitHold)
    case (.commitHold, .done):
      hasPayment && captureMode == .automatic ? .advance(to: .capture) : .confirm
    case (.capture, .done):
      .confirm
    case (.cancelPayment, .done):
      .advance(to: .releaseHold)
    case (.releaseHold, .done):
      .close

    case (.captureShare, .done):
      .advance(to: .fulfil)
    case (.fulfil, .done):
      .ship
    case (.refundPayment, .done):
      restocks ? .advance(to: .restock) : .refund
    case (.restock, .done):
      .refund

    case (.refundPayment, .waiting):
      .askAgain(.waiting)
    case (.authorize, .waiting):
      orderState == .awaitingPayment ? .askAgain(.waiting) : .extendHold
    case (_, .waiting):
      .askAgain(.failed)

    case (.hold, .refused(.noStock(let shortages))):
      .refuse(Cancellation(.insufficientStock, shortages: shortages))
    case (.authorize, .refused(.declined(let code))):
      // Nothing was authorised, so there is nothing to cancel.
      .turnBack(Cancellation(.paymentDeclined, declineCode: code), to: .releaseHold)
    case (.hold, .refused), (.commitHold, .refused):
      turnBack(Cancellation(.holdLost))
    case (.authorize, .refused):
      turnBack(Cancellation(.paymentRefused))
    case (.capture, .refused(let refusal)):
      turnBack(Cancellation(.captureRefused, declineCode: refusal.declineCode))
    case (.cancelPayment, .refused), (.releaseHold, .refused):
      // A compensation has no way out but success.
      .askAgain(.failed)
    case (.captureShare, .refused(let refusal)), (.refundPayment, .refused(let refusal)):
      .giveUp(FollowUpFailure(refusal))
    case (.fulfil, .refused(let refusal)):
      // With its share captured the parcel has to leave: a person looks at what is in its way.
      capturesShare ? .askAgain(.failed) : .giveUp(FollowUpFailure(refusal))
    case (.restock, .refused):
      .askAgain(.failed)
    }
  }

  /// What to do with the answer to the call that extends the hold.
  func afterExtension(_ answer: Answer) -> Move {
    switch answer {
    case .done: .awaitPayment
    case .refused: turnBack(Cancellation(.holdLost))
    case .waiting, .unknown: .askAgain(.failed)
    }
  }

  /// A step may have been called and its record lost, so all compensations run, whatever step this is.
  func turnBack(_ cancellation: Cancellation) -> Move {
    .turnBack(cancellation, to: hasPayment ? .cancelPayment : .releaseHold)
  }
}

extension CheckoutSaga.Refusal {
  var declineCode: String? {
    if case .declined(let code) = self { code } else { nil }
  }
}

extension FollowUpFailure {
  init(_ refusal: CheckoutSaga.Refusal) {
    let reason: Reason =
      switch refusal {
      case .declined: .declined
      case .paymentRefused: .paymentRefused
      case .overShipped: .overShipped
      case .noStock, .holdClosed: .holdClosed
      case .exceedsCaptured: .exceedsCaptured
      }
    self.init(reason: reason, declineCode: refusal.declineCode)
  }
}

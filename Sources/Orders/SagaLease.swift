import SharedKernel

/// Which story a saga tells.
enum SagaKind: String, Sendable, CaseIterable {
  case checkout, cancel, ship, refund
}

/// A saga in the hands of one runner: until when is known to the database alone, by whom the epoch
/// tells. Every write names the epoch, so that who lost the lease cannot overwrite its successor.
struct SagaLease: Sendable {
  let id: ID<SagaLease>
  let kind: SagaKind
  /// The order, shipment or refund that it is about.
  let reference: UUID128
  let epoch: Int64
  let order: CheckoutOrder
  let input: SagaInput
  var step: CheckoutSaga.Step
  var orderState: OrderState
  var cancelRequested: Bool
  /// Calls in a row that told nothing.
  var attempts: Int
  /// When the saga last came forward.
  var progressedAt: Timestamp
  var isParked: Bool
  /// nil for a saga that never gives up.
  var deadline: Timestamp?
  /// The trace of the request that began it.
  let traceparent: String?

  /// The decisions from where the saga stands.
  var saga: CheckoutSaga {
    CheckoutSaga(
      step: step, orderState: orderState, hasPayment: order.total.minorUnits > 0,
      captureMode: order.captureMode, deadline: deadline ?? Timestamp(microseconds: .max),
      capturesShare: kind == .ship && (input.amount ?? 0) > 0,
      restocks: kind == .refund && !input.lines.isEmpty)
  }
}

/// What the calls of a saga say about its order; settled when the order was accepted.
struct CheckoutOrder: Sendable {
  let id: OrderID
  let userID: UserID?
  let total: Money
  let captureMode: CaptureMode
  let paymentID: PaymentID
}

/// What a repeated call needs besides; erased when the saga is done, and never logged.
struct SagaInput: Codable, Sendable {
  struct Line: Codable, Hashable, Sendable {
    let variantId: Int
    let quantity: Int
  }

  let paymentToken: String
  let captureId: ID<SagaInput>
  /// The units to hold, to ship or to restock.
  let lines: [Line]
  /// What a shipment captures or a refund pays back, in minor units; nil for a checkout.
  var amount: Int64?

  /// For a saga that only goes back, whose calls need ids alone.
  static var empty: SagaInput { SagaInput(paymentToken: "", captureId: .new(), lines: []) }
}

/// What came of one call to a peer, with all that it told.
struct StepResult: Sendable {
  let answer: CheckoutSaga.Answer
  var figures: PaymentFigures?
  var nextAction: NextAction?
  /// For the saga's log, when the answer is unknown: what happened instead.
  var trouble: String?
  /// The least time that the peer asked to be left alone.
  var retryAfter: Duration?

  init(
    _ answer: CheckoutSaga.Answer, figures: PaymentFigures? = nil, nextAction: NextAction? = nil,
    trouble: String? = nil, retryAfter: Duration? = nil
  ) {
    self.answer = answer
    self.figures = figures
    self.nextAction = nextAction
    self.trouble = trouble
    self.retryAfter = retryAfter
  }
}

/// The saga belongs to someone else by now, or is finished.
struct LeaseLost: Error {}

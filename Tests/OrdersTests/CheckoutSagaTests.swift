import SharedKernel
import Testing

@testable import Orders

@Suite struct CheckoutSagaTests {
  private static let start = Timestamp(microseconds: 1_000_000)
  private static let deadline = start + .seconds(600)
  private static let shortages = [Shortage(variantId: 7, available: 2)]

  private func saga(
    at step: CheckoutSaga.Step, _ state: OrderState = .pending, hasPayment: Bool = true,
    captureMode: CaptureMode = .automatic
  ) -> CheckoutSaga {
    CheckoutSaga(
      step: step, orderState: state, hasPayment: hasPayment, captureMode: captureMode,
      deadline: Self.deadline)
  }

  private static func back(
    _ reason: CancelReason, _ step: CheckoutSaga.Step = .cancelPayment, code: String? = nil
  ) -> CheckoutSaga.Move {
    .turnBack(Cancellation(reason, declineCode: code), to: step)
  }

  // MARK: Answers

  @Test(
    "each step's success leads to the next step",
    arguments: [
      (.hold, .advance(to: .authorize)),
      (.authorize, .advance(to: .commitHold)),
      (.commitHold, .advance(to: .capture)),
      (.capture, .confirm),
      (.cancelPayment, .advance(to: .releaseHold)),
      (.releaseHold, .close),
      (.captureShare, .advance(to: .fulfil)),
      (.fulfil, .ship),
      (.refundPayment, .refund),
      (.restock, .refund),
    ] as [(CheckoutSaga.Step, CheckoutSaga.Move)])
  func success(step: CheckoutSaga.Step, move: CheckoutSaga.Move) {
    #expect(saga(at: step).after(.done) == move)
  }

  @Test("an answer that tells nothing is asked for again", arguments: CheckoutSaga.Step.allCases)
  func unknown(step: CheckoutSaga.Step) {
    #expect(saga(at: step).after(.unknown) == .askAgain(.failed))
  }

  @Test(
    "each step's definite refusal turns the saga back",
    arguments: [
      (
        .hold, .noStock(shortages),
        .refuse(Cancellation(.insufficientStock, shortages: shortages))
      ),
      (.hold, .holdClosed, back(.holdLost)),
      (
        .authorize, .declined(code: "stolen_card"),
        back(.paymentDeclined, .releaseHold, code: "stolen_card")
      ),
      (.authorize, .paymentRefused, back(.paymentRefused)),
      (.commitHold, .noStock(shortages), back(.holdLost)),
      (.commitHold, .holdClosed, back(.holdLost)),
      (.capture, .declined(code: "expired"), back(.captureRefused, code: "expired")),
      (.capture, .paymentRefused, back(.captureRefused)),
    ] as [(CheckoutSaga.Step, CheckoutSaga.Refusal, CheckoutSaga.Move)])
  func refusal(step: CheckoutSaga.Step, refusal: CheckoutSaga.Refusal, move: CheckoutSaga.Move) {
    #expect(saga(at: step).after(.refused(refusal)) == move)
  }

  @Test(
    "a compensation that is refused is tried for ever",
    arguments: [CheckoutSaga.Step.cancelPayment, .releaseHold],
    [CheckoutSaga.Refusal.paymentRefused, .holdClosed, .noStock([]), .declined(code: nil)])
  func compensationRefused(step: CheckoutSaga.Step, refusal: CheckoutSaga.Refusal) {
    #expect(saga(at: step, .cancelling).after(.refused(refusal)) == .askAgain(.failed))
  }

  @Test("a refund with units to restock goes on to that, and waits for its provider at leisure")
  func refunds() {
    var refund = saga(at: .refundPayment, .delivered)
    refund.restocks = true
    #expect(refund.after(.done) == .advance(to: .restock))
    #expect(refund.after(.waiting) == .askAgain(.waiting))
  }

  @Test(
    "what a shipment's or refund's first call refuses leaves the order as it was",
    arguments: [
      (.captureShare, .declined(code: "expired"), .declined, "expired"),
      (.captureShare, .paymentRefused, .paymentRefused, nil),
      (.fulfil, .overShipped, .overShipped, nil),
      (.fulfil, .holdClosed, .holdClosed, nil),
      (.refundPayment, .exceedsCaptured, .exceedsCaptured, nil),
    ]
      as [(
        CheckoutSaga.Step, CheckoutSaga.Refusal, FollowUpFailure.Reason, String?
      )])
  func givesUp(
    step: CheckoutSaga.Step, refusal: CheckoutSaga.Refusal, reason: FollowUpFailure.Reason,
    code: String?
  ) {
    #expect(
      saga(at: step, .confirmed).after(.refused(refusal))
        == .giveUp(FollowUpFailure(reason: reason, declineCode: code)))
  }

  @Test("once money has moved, a shipment or refund has no way out but success")
  func goesForward() {
    var shipment = saga(at: .fulfil, .confirmed)
    shipment.capturesShare = true
    #expect(shipment.after(.refused(.overShipped)) == .askAgain(.failed))
    #expect(saga(at: .restock, .shipped).after(.refused(.holdClosed)) == .askAgain(.failed))
  }

  @Test(
    "a call that was taken on but is not finished is asked for again",
    arguments: [CheckoutSaga.Step.hold, .commitHold, .capture, .cancelPayment, .releaseHold])
  func waiting(step: CheckoutSaga.Step) {
    #expect(saga(at: step).after(.waiting) == .askAgain(.failed))
  }

  // MARK: Awaiting the payment

  @Test("a payment that waits has the hold extended before the order awaits it")
  func awaiting() {
    #expect(saga(at: .authorize).after(.waiting) == .extendHold)
    #expect(saga(at: .authorize).afterExtension(.done) == .awaitPayment)
    #expect(saga(at: .authorize).afterExtension(.unknown) == .askAgain(.failed))
    #expect(
      saga(at: .authorize).afterExtension(.refused(.noStock([]))) == Self.back(.holdLost))
  }

  @Test("an order that awaits its payment asks at leisure, and goes on once it is there")
  func awaited() {
    let saga = saga(at: .authorize, .awaitingPayment)
    #expect(saga.after(.waiting) == .askAgain(.waiting))
    #expect(saga.after(.done) == .resume(at: .commitHold))
    #expect(
      saga.after(.refused(.declined(code: nil))) == Self.back(.paymentDeclined, .releaseHold))
  }

  // MARK: Variants of the way

  @Test("an order that costs nothing has no payment to authorise, capture or cancel")
  func free() {
    #expect(saga(at: .hold, hasPayment: false).after(.done) == .advance(to: .commitHold))
    #expect(saga(at: .commitHold, hasPayment: false).after(.done) == .confirm)
    #expect(
      saga(at: .commitHold, hasPayment: false).after(.refused(.holdClosed))
        == Self.back(.holdLost, .releaseHold))
  }

  @Test("manual capture confirms without taking money")
  func manual() {
    #expect(saga(at: .commitHold, captureMode: .manual).after(.done) == .confirm)
  }

  // MARK: Before a call

  @Test(
    "before its deadline each step is called", arguments: CheckoutSaga.Step.allCases)
  func inTime(step: CheckoutSaga.Step) {
    let move = saga(at: step).beforeCall(
      cancelRequested: false, now: Self.deadline + .microseconds(-1))
    #expect(move == .call)
  }

  @Test(
    "at the deadline a step forward turns back",
    arguments: [CheckoutSaga.Step.hold, .authorize, .commitHold, .capture])
  func tooLate(step: CheckoutSaga.Step) {
    let move = saga(at: step).beforeCall(cancelRequested: false, now: Self.deadline)
    #expect(move == Self.back(.timedOut))
  }

  @Test(
    "a request to cancel turns a step forward back",
    arguments: [CheckoutSaga.Step.hold, .authorize, .commitHold, .capture])
  func cancelled(step: CheckoutSaga.Step) {
    let move = saga(at: step).beforeCall(cancelRequested: true, now: Self.start)
    #expect(move == Self.back(.requested))
  }

  @Test(
    "neither deadline nor request stops a compensation",
    arguments: [CheckoutSaga.Step.cancelPayment, .releaseHold])
  func compensating(step: CheckoutSaga.Step) {
    let move = saga(at: step, .cancelling).beforeCall(
      cancelRequested: true, now: Self.deadline + .seconds(86_400))
    #expect(move == .call)
  }

  @Test("every way forward ends: following successes leads to confirm or close")
  func ends() {
    for mode in [CaptureMode.automatic, .manual] {
      for hasPayment in [true, false] {
        var step = CheckoutSaga.Step.hold
        var steps = 0
        while case .advance(let next) = saga(
          at: step, hasPayment: hasPayment, captureMode: mode
        ).after(.done) {
          step = next
          steps += 1
          #expect(steps < 6)
        }
        #expect(
          saga(at: step, hasPayment: hasPayment, captureMode: mode).after(.done) == .confirm)
      }
    }
  }
}

import SharedKernel
import Testing

@testable import Payments

@Suite("A payment")
struct PaymentTests {
  @Test("an authorised payment holds its amount, books it and says so")
  func authorizes() throws {
    let payment = try Samples.authorized(amount: 700)
    #expect(payment.state == .authorized)
    #expect(payment.figures == PaymentFigures(authorized: 700))
    #expect(payment.authorization?.state == .succeeded)
    #expect(payment.authorization?.token == nil)
    #expect(payment.events.map(\.kind) == [.authorized])
    #expect(payment.journals.count == 1)
  }

  @Test("a declined payment holds nothing, keeps the reason and forgets the token")
  func declines() throws {
    var payment = try Samples.accepted()
    payment.settleAuthorization(.declined(code: "stolen_card", reference: "ch_1"))
    #expect(payment.state == .declined)
    #expect(payment.declineCode == "stolen_card")
    #expect(payment.authorization?.token == nil)
    #expect(payment.journals.isEmpty)
    #expect(payment.events.map(\.kind) == [.declined])
  }

  @Test("a payment that waits for the customer goes either way")
  func waits() throws {
    var payment = try Samples.accepted()
    payment.settleAuthorization(.requiresAction(reference: "ch_1"))
    #expect(payment.state == .requiresAction)
    #expect(payment.authorization?.state == .waiting)
    var rejected = payment
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    #expect(payment.state == .authorized)
    rejected.settleAuthorization(.declined(code: "authentication_failed", reference: "ch_1"))
    #expect(rejected.state == .declined)
  }

  @Test("of several outcomes of one operation the first counts and the others change nothing")
  func settlesOnce() throws {
    let payment = try Samples.authorized()
    var again = payment
    again.settleAuthorization(.succeeded(reference: "ch_1"))
    again.settleAuthorization(.declined(code: "late", reference: nil))
    #expect(again == payment)
  }

  @Test("a notice of the opposite outcome is told as such and moves nothing")
  func contradicted() throws {
    var payment = try Samples.captured()
    let capture = try #require(payment.operations.last)
    let refused = OperationID.new()
    _ = try payment.begin(.refund, id: refused, amount: 10, now: Samples.start)
    payment.settle(refused, .declined(code: "closed_account", reference: nil))
    let before = payment
    func told(_ answer: ProviderAnswer, of id: OperationID) -> ProviderNotice.Effect {
      payment.settle(ProviderNotice.News(operation: id, answer: answer, amount: nil))
    }
    #expect(told(.declined(code: "late", reference: nil), of: capture.id) == .contradicts)
    #expect(told(.succeeded(reference: "op"), of: refused) == .contradicts)
    #expect(told(.succeeded(reference: "op"), of: capture.id) == .knownBefore)
    #expect(told(.pending(reference: "op"), of: capture.id) == .knownBefore)
    #expect(told(.declined(code: "other", reference: nil), of: refused) == .knownBefore)
    #expect(payment == before)
  }

  @Test("that a voided authorisation is cancelled at the provider is no contradiction")
  func voidedIsCancelled() throws {
    var payment = try Samples.authorized()
    let authorization = try #require(payment.authorization)
    let cancelled = ProviderNotice.News(
      operation: authorization.id, answer: .declined(code: "canceled", reference: nil), amount: nil)
    let early = payment.settle(cancelled)
    #expect(early == .contradicts)
    payment.cancelWhole()
    let late = payment.settle(cancelled)
    #expect(late == .knownBefore)
  }

  @Test("a capture of a part leaves the rest held; the last one makes it captured")
  func capturesInParts() throws {
    var payment = try Samples.authorized(amount: 1000)
    try payment.perform(.capture, 400)
    #expect(payment.state == .authorized)
    #expect(payment.figures.hold == 600)
    try payment.perform(.capture, 600)
    #expect(payment.state == .captured)
  }

  @Test("pending captures count, so that together they never exceed what is held")
  func countsPendingCaptures() throws {
    var payment = try Samples.authorized(amount: 1000)
    _ = try payment.begin(.capture, id: .new(), amount: 700, now: Samples.start)
    #expect(throws: PaymentError.captureExceedsAuthorized(capturable: 300, from: .authorized)) {
      try payment.begin(.capture, id: .new(), amount: 301, now: Samples.start)
    }
    _ = try payment.begin(.capture, id: .new(), amount: 300, now: Samples.start)
  }

  @Test("pending refunds count, so that together they never exceed what was captured")
  func countsPendingRefunds() throws {
    var payment = try Samples.captured()
    _ = try payment.begin(.refund, id: .new(), amount: 900, now: Samples.start)
    #expect(throws: PaymentError.refundExceedsCaptured(refundable: 100)) {
      try payment.begin(.refund, id: .new(), amount: 101, now: Samples.start)
    }
  }

  @Test("refunds make it partially, then wholly refunded")
  func refunds() throws {
    var payment = try Samples.captured()
    try payment.perform(.refund, 400)
    #expect(payment.state == .partiallyRefunded)
    try payment.perform(.refund, 600)
    #expect(payment.state == .refunded)
    #expect(payment.events.map(\.kind).suffix(2) == [.refundSucceeded, .refundSucceeded])
  }

  @Test("a refund that takes its time is announced once, then ends")
  func refundPends() throws {
    var payment = try Samples.captured()
    let id = OperationID.new()
    _ = try payment.begin(.refund, id: id, amount: 400, now: Samples.start)
    payment.settle(id, .pending(reference: "re_1"))
    payment.settle(id, .pending(reference: "re_1"))
    #expect(payment.events.filter { $0.kind == .refundPending }.count == 1)
    #expect(payment.state == .captured)
    payment.settle(id, .declined(code: "closed_account", reference: nil))
    #expect(payment.events.last?.kind == .refundFailed)
    #expect(payment.figures.refunded == 0)
  }

  @Test("the same id is the same operation; with another amount or kind it is refused")
  func repeatsById() throws {
    var payment = try Samples.authorized()
    let id = OperationID.new()
    let isNew = try payment.begin(.capture, id: id, amount: 300, now: Samples.start)
    let isNewAgain = try payment.begin(.capture, id: id, amount: 300, now: Samples.start)
    #expect(isNew && !isNewAgain)
    #expect(throws: PaymentError.differs("a capture")) {
      try payment.begin(.capture, id: id, amount: 301, now: Samples.start)
    }
    #expect(throws: PaymentError.differs("a capture")) {
      try payment.begin(.refund, id: id, amount: 300, now: Samples.start)
    }
  }

  @Test("a declined capture leaves the payment as it was")
  func captureDeclined() throws {
    var payment = try Samples.authorized()
    let id = OperationID.new()
    _ = try payment.begin(.capture, id: id, amount: 300, now: Samples.start)
    payment.settle(id, .declined(code: "capture_failed", reference: nil))
    #expect(payment.state == .authorized)
    #expect(payment.figures.hold == 1000)
    #expect(payment.operation(id)?.declineCode == "capture_failed")
  }

  @Test("nothing is captured before the authorisation's outcome is known")
  func capturesOnlyWhatIsHeld() throws {
    var payment = try Samples.accepted()
    #expect(throws: PaymentError.inProgress) {
      try payment.begin(.capture, id: .new(), amount: 1, now: Samples.start)
    }
    payment.settleAuthorization(.requiresAction(reference: "ch_1"))
    #expect(
      throws: PaymentError.invalidTransition(from: .requiresAction, to: .captured)
    ) {
      try payment.begin(.capture, id: .new(), amount: 1, now: Samples.start)
    }
  }

  @Test("its version rises with every change")
  func versionRises() throws {
    var payment = try Samples.accepted()
    var seen = payment.version
    func expectHigher() {
      let version = payment.version
      #expect(version > seen)
      seen = version
    }
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    expectHigher()
    let id = OperationID.new()
    _ = try payment.begin(.capture, id: id, amount: 10, now: Samples.start)
    expectHigher()
    payment.settle(id, .declined(code: "no", reference: nil))
    expectHigher()
    _ = payment.cancel(now: Samples.start)
    expectHigher()
  }

  @Test("a hold whose time is over is let go of, unless an operation is open")
  func expires() throws {
    var payment = try Samples.authorized()
    let early = payment.expire(now: Samples.start)
    #expect(early == nil)
    let late = Samples.start + .seconds(101)
    var busy = payment
    _ = try busy.begin(.capture, id: .new(), amount: 10, now: Samples.start)
    let refused = busy.expire(now: late)
    #expect(refused == nil)
    let begun = payment.expire(now: late)
    let void = try #require(begun)
    #expect(throws: PaymentError.captureExceedsAuthorized(capturable: 0, from: .authorized)) {
      try payment.begin(.capture, id: .new(), amount: 1, now: late)
    }
    payment.settle(void, .succeeded(reference: "op"))
    #expect(payment.state == .expired)
    #expect(payment.figures.hold == 0)
    #expect(payment.events.last?.kind == .expired)
  }

  @Test("a customer's refusal that comes before the void of what waited for it stands")
  func refusalBeforeExpiry() throws {
    var payment = try Samples.accepted()
    payment.settleAuthorization(.requiresAction(reference: "ch_1"))
    let begun = payment.expire(now: Samples.start + .seconds(101))
    let void = try #require(begun)
    payment.settleAuthorization(.declined(code: "authentication_failed", reference: nil))
    let declined = payment.version
    payment.settle(void, .succeeded(reference: "op"))
    #expect(payment.state == .declined)
    #expect(payment.version > declined)
    #expect(payment.events.map(\.kind) == [.requiresAction, .declined])
    #expect(payment.journals.isEmpty)
  }

  @Test("when the rest of a hold expires, what was captured stays captured")
  func restExpires() throws {
    var payment = try Samples.captured(400, of: 1000)
    let begun = payment.expire(now: Samples.start + .seconds(101))
    let void = try #require(begun)
    payment.settle(void, .succeeded(reference: "op"))
    #expect(payment.state == .captured)
    #expect(payment.figures == PaymentFigures(authorized: 400, captured: 400))
  }
}

@Suite("Cancelling a payment")
struct PaymentCancellationRuleTests {
  @Test("a hold is voided")
  func voidsHold() throws {
    var payment = try Samples.authorized()
    payment.cancelWhole()
    #expect(payment.state == .cancelled)
    #expect(payment.figures == .zero)
    #expect(payment.operations.map(\.kind) == [.authorize, .void])
    #expect(payment.events.last?.kind == .voided)
  }

  @Test("what was captured is refunded, and the rest of the hold voided")
  func refundsCaptured() throws {
    var payment = try Samples.captured(400, of: 1000)
    payment.cancelWhole()
    #expect(payment.state == .cancelled)
    #expect(payment.figures == PaymentFigures(authorized: 400, captured: 400, refunded: 400))
    #expect(payment.operations.map(\.kind) == [.authorize, .capture, .void, .refund])
  }

  @Test("only what is left is refunded")
  func refundsRest() throws {
    var payment = try Samples.captured()
    try payment.perform(.refund, 300)
    payment.cancelWhole()
    #expect(payment.operations.last?.amount == 700)
    #expect(payment.figures.refundable == 0)
  }

  @Test("an open authorisation is awaited; its late success is voided")
  func awaitsAuthorization() throws {
    var payment = try Samples.accepted()
    let authorization = try #require(payment.authorization)
    let step = payment.cancel(now: Samples.start)
    #expect(step == .ask(authorization.id))
    #expect(payment.state == .cancelling)
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    #expect(payment.state == .cancelling)
    #expect(payment.figures.hold == 1000)
    payment.cancelWhole()
    #expect(payment.state == .cancelled)
    #expect(payment.figures == .zero)
  }

  @Test("an open authorisation that is declined leaves nothing to undo")
  func awaitsDecline() throws {
    var payment = try Samples.accepted()
    _ = payment.cancel(now: Samples.start)
    payment.settleAuthorization(.declined(code: "stolen_card", reference: nil))
    #expect(payment.state == .cancelled)
    let step = payment.cancel(now: Samples.start)
    #expect(step == .closed)
  }

  @Test("an authorisation that waits for the customer is voided, and their answer comes too late")
  func voidsWaiting() throws {
    var payment = try Samples.accepted()
    payment.settleAuthorization(.requiresAction(reference: "ch_1"))
    guard case .ask(let void) = payment.cancel(now: Samples.start) else {
      Issue.record("there is something to void")
      return
    }
    payment.settle(void, .succeeded(reference: "op"))
    #expect(payment.state == .cancelled)
    #expect(payment.journals.isEmpty)
    let closed = payment
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    #expect(payment == closed)
  }

  @Test("the customer's approval in the middle of a cancellation is voided with it")
  func approvalLosesToVoid() throws {
    var payment = try Samples.accepted()
    payment.settleAuthorization(.requiresAction(reference: "ch_1"))
    guard case .ask(let void) = payment.cancel(now: Samples.start) else {
      Issue.record("there is something to void")
      return
    }
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    #expect(payment.figures.hold == 1000)
    payment.settle(void, .succeeded(reference: "op"))
    #expect(payment.state == .cancelled)
    #expect(payment.figures == .zero)
  }

  @Test("an open capture is awaited, then refunded")
  func awaitsCapture() throws {
    var payment = try Samples.authorized()
    let capture = OperationID.new()
    _ = try payment.begin(.capture, id: capture, amount: 1000, now: Samples.start)
    let step = payment.cancel(now: Samples.start)
    #expect(step == .ask(capture))
    payment.settle(capture, .succeeded(reference: "op"))
    payment.cancelWhole()
    #expect(payment.figures.refundable == 0)
    #expect(payment.state == .cancelled)
  }

  @Test("a refund that the provider refused is tried again under another id, after a pause")
  func triesRefundAgain() throws {
    var payment = try Samples.captured()
    guard case .ask(let first) = payment.cancel(now: Samples.start) else {
      Issue.record("there is something to refund")
      return
    }
    payment.settle(first, .declined(code: "later", reference: nil))
    #expect(payment.state == .cancelling)
    let early = payment.cancel(now: Samples.start + .seconds(9))
    #expect(early == .later)
    guard case .ask(let second) = payment.cancel(now: Samples.start + .seconds(10)) else {
      Issue.record("there is something to refund")
      return
    }
    #expect(first != second)
    payment.settle(second, .succeeded(reference: "op"))
    #expect(payment.state == .cancelled)
  }

  @Test("asked twice before an outcome it is one void")
  func isIdempotent() throws {
    var payment = try Samples.authorized()
    let first = payment.cancel(now: Samples.start)
    let step = payment.cancel(now: Samples.start)
    #expect(step == first)
    #expect(payment.operations.count == 2)
  }

  @Test("once begun, every new operation is refused", arguments: [false, true])
  func refusesNew(isCancelled: Bool) throws {
    var payment = try Samples.captured(400, of: 1000)
    if isCancelled { payment.cancelWhole() } else { _ = payment.cancel(now: Samples.start) }
    let state: PaymentState = isCancelled ? .cancelled : .cancelling
    for kind in [PaymentOperation.Kind.capture, .refund] {
      #expect(throws: PaymentError.closed(state)) {
        try payment.begin(kind, id: .new(), amount: 1, now: Samples.start)
      }
    }
  }

  @Test("what is closed already stays as it is")
  func closedStays() throws {
    var declined = try Samples.accepted()
    declined.settleAuthorization(.declined(code: "no", reference: nil))
    var refunded = try Samples.captured()
    try refunded.perform(.refund, 1000)
    let tombstone = Payment(
      tombstone: .new(), orderID: .new(), currency: .usd, now: Samples.start)
    for var payment in [declined, refunded, tombstone] {
      let before = payment
      let step = payment.cancel(now: Samples.start)
      #expect(step == .closed)
      #expect(payment == before)
    }
    #expect(tombstone.state == .cancelled)
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel
import Synchronization
import Testing

@testable import Payments

/// The payment service over Stripe, or what behaves like it.
@Suite("Stripe as the provider")
struct StripeGatewayClientTests {
  private struct Shop {
    let bench: PaymentBench
    let stripe: StripeStandIn
    let service: PaymentService

    init() async throws {
      let bench = try await PaymentBench.fresh()
      let clock = bench.clock
      let stripe = StripeStandIn { clock.now }
      self.bench = bench
      self.stripe = stripe
      service = PaymentService(
        store: bench.store, gateway: stripe.gateway, timings: PaymentTimings(),
        now: { clock.now })
    }

    func authorize(_ card: String = "pm_card_visa") async throws -> PaymentAnswer {
      let request = PaymentRequest(
        orderID: .new(), userID: nil, amount: try Money(minorUnits: 1000, currency: .usd),
        token: card, captureMode: .automatic)
      return try await service.authorize(.new(), request, hash: [1])
    }

    /// What the recovery worker does when everything is due.
    func recover() async throws {
      bench.clock.advance(.seconds(400))
      _ = try await PaymentRecovery(service).round()
    }
  }

  @Test(
    "a payment is authorised, captured, refunded in part and booked",
    arguments: [
      "pm_card_visa", "tok_visa",
    ])
  func life(card: String) async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize(card).payment
    #expect(payment.state == .authorized)
    #expect(payment.providerReference == "pi_1")
    _ = try await shop.service.capture(payment.id, .new(), amount: 1000)
    let refunded = try await shop.service.refund(payment.id, .new(), amount: 300).payment
    #expect(refunded.figures == PaymentFigures(authorized: 1000, captured: 1000, refunded: 300))
    #expect(shop.stripe.intents.map(\.received) == [1000])
    #expect(shop.stripe.intents.map(\.refunded) == [300])
    #expect(try await shop.bench.violations() == [])
  }

  @Test("a declined card is declined with Stripe's word")
  func declined() async throws {
    let shop = try await Shop()
    let error = await #expect(throws: PaymentError.self) {
      try await shop.authorize("pm_card_chargeDeclined")
    }
    guard case .declined(let code, _)? = error else { return }
    #expect(code == "insufficient_funds")
    #expect(try await shop.bench.violations() == [])
  }

  @Test("a lost answer is asked for again under the same key: one intent, one charge")
  func lostAnswer() async throws {
    let shop = try await Shop()
    shop.stripe.script(.answerLost, .unreachable)
    let begun = try await shop.authorize()
    #expect(begun.outcome == .underway)
    try await shop.recover()
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .authorized)
    #expect(shop.stripe.intents.count == 1)
    shop.stripe.script(.answerLost)
    let capture = try await shop.service.capture(begun.payment.id, .new(), amount: 1000)
    #expect(capture.outcome == .underway)
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .captured)
    #expect(shop.stripe.intents.map(\.received) == [1000])
    #expect(try await shop.bench.violations() == [])
  }

  @Test(
    "a failure that Stripe keeps for the key stays open until the key is forgotten, then is known")
  func storedFailure() async throws {
    let shop = try await Shop()
    shop.stripe.script(.storedFailure)
    let begun = try await shop.authorize()
    #expect(begun.outcome == .underway)
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .authorizing)
    shop.bench.clock.advance(.seconds(12 * 3600))
    try await shop.recover()
    let settled = try await shop.service.existing(begun.payment.id)
    #expect(settled.state == .declined)
    #expect(settled.declineCode == "never_received")
    #expect(shop.stripe.requests.last == "GET /v1/payment_intents/search")
  }

  @Test("what was done before the key was forgotten is found by its id, never sent again")
  func lookedUp() async throws {
    let shop = try await Shop()
    shop.stripe.script(.answerLost)
    let begun = try await shop.authorize()
    shop.bench.clock.advance(.seconds(13 * 3600))
    shop.stripe.change { $0.keys = [:] }
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .authorized)
    #expect(shop.stripe.intents.count == 1)
    shop.stripe.script(.answerLost)
    _ = try await shop.service.capture(begun.payment.id, .new(), amount: 1000)
    shop.bench.clock.advance(.seconds(13 * 3600))
    shop.stripe.change { $0.keys = [:] }
    try await shop.recover()
    shop.stripe.script(.answerLost)
    _ = try await shop.service.refund(begun.payment.id, .new(), amount: 250)
    shop.bench.clock.advance(.seconds(13 * 3600))
    shop.stripe.change { $0.keys = [:] }
    try await shop.recover()
    #expect(
      try await shop.service.existing(begun.payment.id).figures
        == PaymentFigures(authorized: 1000, captured: 1000, refunded: 250))
    #expect(shop.stripe.intents.map(\.refunded) == [250])
    #expect(try await shop.bench.violations() == [])
  }

  @Test("a key that Stripe knows with other parameters stays open: a person has to look")
  func conflict() async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize().payment
    let id = OperationID.new()
    shop.stripe.change {
      $0.keys["\(id)"] = ("something else", HTTPResponse(.ok))
    }
    let capture = try await shop.service.capture(payment.id, id, amount: 1000)
    #expect(capture.outcome == .underway)
    #expect(shop.stripe.intents.map(\.received) == [0])
  }

  @Test("an answer that is no refusal of Stripe's own leaves the outcome open")
  func otherAnswers() async throws {
    let shop = try await Shop()
    let refusal = #"{"error":{"type":"invalid_request_error","code":"resource_missing"}}"#
    for (status, body) in [
      (302, ""), (400, "<html>"), (402, #"{"error":{"type":"api_error"}}"#), (404, "{}"),
      (408, refusal), (424, ""), (425, refusal), (451, ""),
    ] {
      let payment = try await shop.authorize().payment
      shop.stripe.script(.answerReplaced(status: status, body: body))
      let capture = try await shop.service.capture(payment.id, .new(), amount: 1000)
      #expect(capture.outcome == .underway, "\(status)")
      try await shop.recover()
      #expect(try await shop.service.existing(payment.id).state == .captured, "\(status)")
    }
    #expect(try await shop.bench.violations() == [])
  }

  @Test("what is looked up is not taken for unheard of because a proxy does not find it")
  func lookupLost() async throws {
    let shop = try await Shop()
    shop.stripe.script(.answerLost)
    let begun = try await shop.authorize()
    shop.bench.clock.advance(.seconds(13 * 3600))
    shop.stripe.change {
      $0.keys = [:]
      $0.readsAnswered = HTTPResponse(.notFound)
    }
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .authorizing)
    shop.stripe.change { $0.readsAnswered = nil }
    try await shop.recover()
    #expect(try await shop.service.existing(begun.payment.id).state == .authorized)
  }

  @Test("a void does not succeed while Stripe has captured what is not booked")
  func capturedUnbooked() async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize().payment
    shop.stripe.change {
      $0.intents[0].status = "succeeded"
      $0.intents[0].received = 1000
    }
    #expect(try await shop.service.close(payment.id).outcome == .underway)
    // Nor when it is only looked up.
    shop.bench.clock.advance(.seconds(13 * 3600))
    try await shop.recover()
    let open = try await shop.service.existing(payment.id)
    #expect(open.state == .cancelling)
    #expect(open.operations.map(\.state) == [.succeeded, .pending])
    #expect(open.figures == PaymentFigures(authorized: 1000))
  }

  @Test("a cancellation voids what is held; what was captured in part holds nothing any more")
  func cancels() async throws {
    let shop = try await Shop()
    let held = try await shop.authorize().payment
    #expect(try await shop.service.close(held.id).outcome == .done(isNew: false))
    let partly = try await shop.authorize().payment
    _ = try await shop.service.capture(partly.id, .new(), amount: 400)
    let closed = try await shop.service.close(partly.id)
    #expect(closed.outcome == .done(isNew: false))
    #expect(closed.payment.figures == PaymentFigures(authorized: 400, captured: 400, refunded: 400))
    #expect(shop.stripe.intents.map(\.status) == ["canceled", "succeeded"])
    #expect(shop.stripe.intents.map(\.refunded) == [0, 400])
    #expect(try await shop.bench.violations() == [])
  }

  @Test("a customer is led to the bank's page, and Stripe's signed event brings the answer")
  func challenge() async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize("pm_card_authenticationRequired").payment
    #expect(payment.state == .requiresAction)
    let stored = try await shop.service.existing(payment.id)
    #expect(stored.challengeURL == "https://bank.example/3ds")
    shop.stripe.change { $0.intents[0].status = "requires_capture" }
    let event = """
      {"id":"evt_1","type":"payment_intent.amount_capturable_updated",\
      "data":{"object":\(shop.stripe.body(shop.stripe.intents[0]))}}
      """
    let notice = try shop.stripe.gateway.notice(in: Array(event.utf8))
    #expect(notice.eventID == "evt_1")
    #expect(try await shop.bench.store.apply(notice) == .settled)
    #expect(try await shop.bench.store.apply(notice) == .repeated)
    #expect(try await shop.service.existing(payment.id).state == .authorized)
    #expect(throws: ValidationFailure.self) {
      try shop.stripe.gateway.notice(in: Array("{}".utf8))
    }
    let other = try shop.stripe.gateway.notice(
      in: Array(#"{"id":"evt_2","type":"customer.created","data":{"object":{}}}"#.utf8))
    #expect(try await shop.bench.store.apply(other) == .none)
  }

  @Test("a refund that Stripe takes on is told by its event")
  func pendingRefund() async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize().payment
    _ = try await shop.service.capture(payment.id, .new(), amount: 1000)
    shop.stripe.delayRefunds()
    #expect(
      try await shop.service.refund(payment.id, .new(), amount: 100).outcome == .underway)
    shop.stripe.change { $0.refunds[0].status = "succeeded" }
    let refund = try #require(shop.stripe.refunds.first)
    let event = """
      {"id":"evt_3","type":"refund.updated","data":{"object":\(shop.stripe.body(refund))}}
      """
    let notice = try shop.stripe.gateway.notice(in: Array(event.utf8))
    #expect(try await shop.bench.store.apply(notice) == .settled)
    #expect(try await shop.service.existing(payment.id).figures.refunded == 100)
  }

  @Test("Stripe's records of a day are compared with the ledger")
  func reconciles() async throws {
    let shop = try await Shop()
    let payment = try await shop.authorize().payment
    _ = try await shop.service.capture(payment.id, .new(), amount: 1000)
    _ = try await shop.service.refund(payment.id, .new(), amount: 10)
    let ledger = shop.bench.ledger
    let reconciliation = ReconciliationService(records: shop.stripe.gateway) {
      try await ledger.bookings(from: $0, to: $1, limit: $2)
    }
    let day = String("\(shop.bench.clock.now)".prefix(10))
    #expect(try await reconciliation.report(on: day).differenceCount == 0)
    shop.stripe.change { $0.intents[0].received = 999 }
    let report = try await reconciliation.report(on: day)
    #expect(report.differences.map(\.kind) == [.amountsDiffer])
  }

  /// Always has another page, each of which takes its time.
  private final class EndlessPages: HTTPHandler {
    private let pages = Mutex(0)
    private let start = ContinuousClock.now

    var pagesRead: Int { pages.withLock { $0 } }
    var now: ContinuousClock.Instant { start + .seconds(7) * pagesRead }

    func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
      pages.withLock { $0 += 1 }
      return HTTPResponse(
        .ok,
        body: Array(
          #"""
          {"has_more":true,"data":[{"id":"pi_1","status":"canceled","amount":1,"currency":"usd",\#
          "created":1}]}
          """#.utf8))
    }
  }

  @Test("records that take too long in all are given up, whatever each page takes")
  func endlessRecords() async throws {
    let endless = EndlessPages()
    var gateway = StripeGatewayClient(
      stripe: StripeClient(http: endless, address: .standard, secretKey: "sk_test"), secrets: [])
    gateway.now = { endless.now }
    await #expect(throws: GatewayError.timedOut) {
      try await gateway.charges(from: .now(), to: .now(), limit: 1000)
    }
    #expect(StripeGatewayClient.recordsWithin == .seconds(60))
    #expect(endless.pagesRead == 9)
  }
}

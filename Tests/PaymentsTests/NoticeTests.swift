import HTTPMessages
import Logging
import ServiceKit
import SharedKernel
import Synchronization
import Testing

@testable import Payments

/// What the provider tells by itself.
@Suite("The provider's webhook")
struct NoticeTests {
  private func send(
    _ routes: RoutesBench, _ notice: SimulatorNotice, age: Duration = .zero,
    secret: [UInt8]? = nil
  ) async throws -> HTTPResponse {
    let body = try JSONEncoding.encode(notice)
    return try await send(
      routes, body,
      signature: WebhookSignature.text(
        of: body, at: (routes.bench.clock.now + (.zero - age)).seconds,
        secret: secret ?? routes.notices.secret))
  }

  private func send(
    _ routes: RoutesBench, _ body: [UInt8], signature: String?
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(.post, "/webhooks/psp", body: body)
    request.fields[.contentType] = "application/json"
    request.fields["Psp-Signature"] = signature
    return try await routes.notices.http.handle(request)
  }

  private func notice(
    _ operation: PaymentOperation, _ outcome: SimulatorVerdict.Outcome = .succeeded,
    amount: Int64? = nil, id: UUID128 = .v7()
  ) -> SimulatorNotice {
    SimulatorNotice(
      id: id, operation: operation.id, kind: operation.kind, outcome: outcome,
      reference: "op_\(operation.id)", declineCode: nil, amount: amount ?? operation.amount,
      currency: "USD")
  }

  /// A payment with a refund that its provider has taken on.
  private func refunding(_ bench: PaymentBench) async throws -> (Payment, PaymentOperation) {
    let payment = try await bench.captured(.refundPending)
    let answer = try await bench.service().refund(payment.id, .new(), amount: 400)
    #expect(answer.outcome == .underway)
    return (answer.payment, try #require(answer.payment.operations.last))
  }

  @Test("a signed notice settles its operation; sent again it changes nothing")
  func settles() async throws {
    let routes = try await RoutesBench()
    let (payment, refund) = try await refunding(routes.bench)
    let event = notice(refund)
    for _ in 0..<3 {
      #expect(try await send(routes, event).status.code == 204)
    }
    let found = try await routes.bench.service().existing(payment.id)
    #expect(found.figures.refunded == 400)
    #expect(try await routes.bench.events(of: payment).suffix(1) == ["refund.succeeded"])
    let stored: Int? = try await routes.bench.admin.value(
      "SELECT count(*) FROM payment.provider_events WHERE event_id = \("\(event.id)")")
    #expect(stored == 1)
  }

  @Test("a signature is fresh for as long as clocks may differ, either way")
  func freshness() throws {
    let now = Timestamp.now()
    for (age, isFresh) in [(0, true), (300, true), (301, false), (-300, true), (-301, false)] {
      let signature = try #require(WebhookSignature("t=\(now.seconds - Int64(age)),v1=00"))
      #expect(signature.isFresh(at: now, tolerance: .seconds(300)) == isFresh)
    }
  }

  @Test("without a good signature of today nothing is taken")
  func signatures() async throws {
    // Its clock is nobody else's.
    let routes = try await RoutesBench(PaymentBench.fresh())
    let (payment, refund) = try await refunding(routes.bench)
    let event = notice(refund)
    #expect(try await send(routes, event, age: .seconds(301)).status.code == 401)
    #expect(try await send(routes, event, age: .seconds(-301)).status.code == 401)
    #expect(try await send(routes, event, secret: [1, 2, 3]).status.code == 401)
    let body = try JSONEncoding.encode(event)
    let good = WebhookSignature.text(
      of: body, at: routes.bench.clock.now.seconds, secret: routes.notices.secret)
    #expect(try await send(routes, body + [32], signature: good).status.code == 401)
    for signature in [nil, "", "t=1", "v1=00", "t=-1,v1=00", "nonsense"] {
      #expect(try await send(routes, body, signature: signature).status.code == 401)
    }
    #expect(try await routes.bench.service().existing(payment.id).figures.refunded == 0)
    // Of several codes one may be good: a secret is being changed.
    #expect(try await send(routes, body, signature: good + ",v1=00").status.code == 204)
    #expect(try await routes.bench.service().existing(payment.id).figures.refunded == 400)
  }

  @Test("what is signed but no event is 422; one about nobody's operation is stored and left alone")
  func strange() async throws {
    let routes = try await RoutesBench()
    let body = Array("{}".utf8)
    let signature = WebhookSignature.text(
      of: body, at: routes.bench.clock.now.seconds, secret: routes.notices.secret)
    #expect(try await send(routes, body, signature: signature).problemKind == .validationFailed)
    let unknown = PaymentOperation(
      id: .new(), kind: .capture, amount: 5, createdAt: routes.bench.clock.now)
    #expect(try await send(routes, notice(unknown)).status.code == 204)
    let (payment, refund) = try await refunding(routes.bench)
    #expect(try await send(routes, notice(refund, amount: 399)).status.code == 204)
    #expect(try await routes.bench.service().existing(payment.id).figures.refunded == 0)
    let stored: Int? = try await routes.bench.admin.value(
      """
      SELECT count(*) FROM payment.provider_events
      WHERE payload->>'operation' = ANY(\(["\(unknown.id)", "\(refund.id)"]))
      """)
    #expect(stored == 2)
  }

  /// Keeps what is logged as an error.
  private struct ErrorKeeper: LogHandler {
    final class Lines: Sendable { let all = Mutex<[Logger.Metadata]>([]) }
    let lines: Lines
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      guard event.level >= .error else { return }
      lines.all.withLock { $0.append(event.metadata ?? [:]) }
    }
  }

  @Test("a notice against a stored outcome moves nothing, is kept as such, and is told as an error")
  func contradicts() async throws {
    let bench = try await PaymentBench.shared()
    let lines = ErrorKeeper.Lines()
    let routes = try await RoutesBench(
      bench, logger: Logger(label: "test") { _ in ErrorKeeper(lines: lines) })
    let (payment, refund) = try await refunding(bench)
    #expect(try await send(routes, notice(refund)).status.code == 204)
    let before = try await bench.service().existing(payment.id)
    let opposite = notice(refund, .declined)
    for event in [notice(refund), opposite, opposite] {
      #expect(try await send(routes, event).status.code == 204)
    }
    #expect(try await bench.service().existing(payment.id) == before)
    let effects: [String] = try await bench.admin.values(
      """
      SELECT effect FROM payment.provider_events
      WHERE payload->>'operation' = \("\(refund.id)") ORDER BY effect
      """)
    #expect(effects == ["contradicts", "known_before", "settled"])
    #expect(
      lines.all.withLock { $0 } == [
        [
          "event": "\(opposite.id)", "effect": "contradicts", "operation": "\(refund.id)",
        ]
      ])
  }

  @Test("an event whose effect cannot be stored is not remembered either")
  func oneTransaction() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let (payment, refund) = try await refunding(bench)
    try await bench.admin.execute("REVOKE INSERT ON payment.outbox FROM payment_app")
    let event = notice(refund)
    #expect(try await send(routes, event).status.code == 500)
    try await bench.admin.execute("GRANT INSERT ON payment.outbox TO payment_app")
    #expect(try await bench.service().existing(payment.id).figures.refunded == 0)
    #expect(try await send(routes, event).status.code == 204)
    #expect(try await bench.service().existing(payment.id).figures.refunded == 400)
    #expect(try await bench.violations() == [])
  }

  @Test("of notices and answers that race one wins: booked once, told once", arguments: 1...5)
  func race(round: Int) async throws {
    let routes = try await RoutesBench()
    let bench = routes.bench
    let (payment, refund) = try await refunding(bench)
    bench.clock.advance(.seconds(11))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<6 {
        group.addTask {
          if index.isMultiple(of: 2) {
            let answer = try await send(routes, notice(refund))
            #expect(answer.status.code == 204)
          } else {
            _ = try await bench.service().refund(payment.id, refund.id, amount: 400)
          }
        }
      }
      try await group.waitForAll()
    }
    let found = try await bench.service().existing(payment.id)
    #expect(found.figures.refunded == 400)
    #expect(found.operation(refund.id)?.state == .succeeded)
    #expect(
      try await bench.events(of: payment).filter { $0 == "refund.succeeded" }.count == 1)
    let journals: Int? = try await bench.admin.value(
      "SELECT count(*) FROM payment.ledger_journals WHERE operation_id = \(refund.id)")
    #expect(journals == 1)
  }

  @Test("one event that comes several times at once counts once", arguments: 1...3)
  func sameEventAtOnce(round: Int) async throws {
    let routes = try await RoutesBench()
    let (payment, refund) = try await refunding(routes.bench)
    let event = notice(refund)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<6 {
        group.addTask { try await send(routes, event).status.code }
      }
      for try await status in group { #expect(status == 204) }
    }
    #expect(try await routes.bench.service().existing(payment.id).figures.refunded == 400)
    let effects: [String] = try await routes.bench.admin.values(
      "SELECT effect FROM payment.provider_events WHERE event_id = \("\(event.id)")")
    #expect(effects == ["settled"])
  }

  @Test("the simulator sends its notices itself, until they are taken")
  func delivers() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let (payment, _) = try await refunding(bench)
    let clock = bench.clock
    let silent = SimulatorNotices(store: bench.simulator.store, now: { clock.now }) { _ in
      throw GatewayError.timedOut
    }
    let sending = SimulatorNotices(store: bench.simulator.store, now: { clock.now }) {
      try await routes.notices.send($0, at: clock.now)
    }
    #expect(try await sending.round() == 0)
    clock.advance(.seconds(11))
    #expect(try await silent.round() == 0)
    #expect(try await sending.round() == 0)
    clock.advance(.seconds(6))
    #expect(try await sending.round() == 1)
    #expect(try await sending.round() == 0)
    #expect(try await bench.service().existing(payment.id).figures.refunded == 400)
    #expect(try await bench.violations() == [])
  }

  @Test("the customer's answer to the bank reaches the payment by a notice alone")
  func challenge() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let payment = try await bench.authorize(.requiresAction).payment
    let authorization = try #require(payment.authorization)
    try await bench.simulator.answerChallenge(of: authorization.id, approve: true)
    let clock = bench.clock
    let sending = SimulatorNotices(store: bench.simulator.store, now: { clock.now }) {
      try await routes.notices.send($0, at: clock.now)
    }
    #expect(try await sending.round() == 1)
    #expect(try await bench.service().existing(payment.id).state == .authorized)
  }
}

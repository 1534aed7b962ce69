import SharedKernel
import Testing

@testable import Payments

@Suite("Cancelling")
struct PaymentCancellationTests {
  private func cancel(_ payment: Payment, _ bench: PaymentBench) async throws -> PaymentAnswer {
    try await bench.service().cancel(payment.id, orderID: payment.orderID, currency: .usd)
  }

  @Test("an unknown payment becomes a tombstone, which refuses the authorise that comes late")
  func tombstone() async throws {
    let bench = try await PaymentBench.shared()
    let id = PaymentID.new()
    let request = try Samples.request()
    for _ in 0..<2 {
      let answer = try await bench.service().cancel(
        id, orderID: request.orderID, currency: .usd)
      #expect(answer.outcome != .underway)
      #expect(answer.payment.state == .cancelled)
    }
    await #expect(throws: PaymentError.closed(.cancelled)) {
      try await bench.service().authorize(id, request, hash: [1])
    }
    let payment = try await bench.service().existing(id)
    #expect(try await bench.charges(of: payment).isEmpty)
  }

  @Test("a hold is voided at once")
  func authorized() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    let answer = try await cancel(payment, bench)
    #expect(answer.outcome == .done(isNew: false))
    #expect(answer.payment.state == .cancelled)
    #expect(try await bench.charges(of: payment) == [Charge(state: "voided")])
    #expect(
      try await bench.events(of: payment) == ["payment.authorized", "payment.voided"])
  }

  @Test("what was captured is refunded, in whole or in rest")
  func captured() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.captured()
    _ = try await bench.service().refund(payment.id, .new(), amount: 300)
    let answer = try await cancel(payment, bench)
    #expect(answer.payment.state == .cancelled)
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 1000)])
    #expect(try await cancel(payment, bench).outcome == .done(isNew: false))
  }

  @Test("one that waits for the customer is voided; the approval comes too late")
  func waiting() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(.requiresAction).payment
    #expect(try await cancel(payment, bench).payment.state == .cancelled)
    await #expect(throws: PaymentError.closed(.cancelled)) {
      try await bench.service().confirm(payment.id, approve: true)
    }
    #expect(try await bench.charges(of: payment) == [Charge(state: "voided")])
  }

  @Test("an approval that was not recorded is voided with it")
  func approvedUnrecorded() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(.requiresAction).payment
    let authorization = try #require(payment.authorization)
    try await bench.simulator.answerChallenge(of: authorization.id, approve: true)
    #expect(try await cancel(payment, bench).payment.state == .cancelled)
    #expect(try await bench.charges(of: payment) == [Charge(state: "voided")])
  }

  @Test("what is closed already is closed", arguments: ["declined", "refunded"])
  func closed(state: String) async throws {
    let bench = try await PaymentBench.shared()
    let id = PaymentID.new()
    let request = try Samples.request(state == "declined" ? .stolenCard : .ok)
    if state == "declined" {
      await #expect(throws: PaymentError.self) {
        try await bench.service().authorize(id, request, hash: [1])
      }
    } else {
      _ = try await bench.service().authorize(id, request, hash: [1])
      _ = try await bench.service().capture(id, .new(), amount: 1000)
      _ = try await bench.service().refund(id, .new(), amount: 1000)
    }
    let payment = try await bench.service().existing(id)
    #expect(payment.state.rawValue == state)
    let answer = try await cancel(payment, bench)
    #expect(answer.outcome == .done(isNew: false))
    #expect(answer.payment == payment)
  }

  @Test("while the authorisation's outcome is open it answers so; then it voids")
  func authorizing() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.authorize(.errorTwiceThenOK).payment
    #expect(payment.state == .authorizing)
    let first = try await cancel(payment, bench)
    #expect(first.outcome == .underway)
    #expect(first.payment.state == .cancelling)
    await #expect(throws: PaymentError.closed(.cancelling)) {
      try await bench.service().authorize(payment.id, try Samples.request(), hash: [1])
    }
    let second = try await cancel(payment, bench)
    #expect(second.payment.state == .cancelled)
    #expect(try await bench.charges(of: payment) == [Charge(state: "voided")])
  }

  @Test("while a capture's outcome is open it answers so; then it refunds")
  func capturing() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    let forgetful = ForgetfulGateway(bench.simulator, crashes: 2)
    let service = bench.service(forgetful)
    _ = try await service.capture(payment.id, .new(), amount: 1000)
    let first = try await service.cancel(
      payment.id, orderID: payment.orderID, currency: .usd)
    #expect(first.outcome == .underway)
    let second = try await service.cancel(
      payment.id, orderID: payment.orderID, currency: .usd)
    #expect(second.payment.state == .cancelled)
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 1000)])
  }

  @Test("a refund that takes its time keeps it open until it is done")
  func refundPends() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.captured(.refundPending)
    for _ in 0..<2 {
      #expect(try await cancel(payment, bench).outcome == .underway)
    }
    bench.clock.advance(.seconds(11))
    #expect(try await cancel(payment, bench).payment.state == .cancelled)
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 1000)])
  }

  @Test("a void that the provider refuses is not sent again at once, but later")
  func refused() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.authorize().payment
    let service = bench.service(RefusingGateway(refusals: 1, bench.simulator))
    for _ in 0..<3 {
      let answer = try await service.cancel(
        payment.id, orderID: payment.orderID, currency: .usd)
      #expect(answer.outcome == .underway)
    }
    #expect(try await service.existing(payment.id).operations.count == 2)
    bench.clock.advance(.seconds(10))
    _ = try await PaymentRecovery(service).round()
    let closed = try await service.existing(payment.id)
    #expect(closed.state == .cancelled)
    #expect(closed.operations.map(\.state) == [.succeeded, .failed, .succeeded])
  }

  @Test("many at once with an authorise leave nothing held, whoever comes first")
  func races() async throws {
    let bench = try await PaymentBench.shared()
    let service = bench.service()
    for _ in 0..<8 {
      let id = PaymentID.new()
      let request = try Samples.request()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          // Refused when the cancellation came first.
          _ = try? await service.authorize(id, request, hash: [1])
        }
        for _ in 0..<3 {
          group.addTask {
            _ = try await service.cancel(id, orderID: request.orderID, currency: .usd)
          }
        }
        try await group.waitForAll()
      }
      let payment = try await service.close(id).payment
      #expect(payment.state == .cancelled)
      #expect(payment.figures.hold == 0)
      let charges = try await bench.charges(of: payment)
      #expect(charges.allSatisfy { $0.state == "voided" })
    }
  }

  @Test("another order's payment is not cancelled")
  func otherOrder() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    await #expect(throws: PaymentError.differs("another order")) {
      try await bench.service().cancel(payment.id, orderID: .new(), currency: .usd)
    }
    #expect(try await bench.service().existing(payment.id).state == .authorized)
  }
}

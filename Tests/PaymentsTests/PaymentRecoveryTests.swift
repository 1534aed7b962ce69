import SharedKernel
import Testing

@testable import Payments

@Suite("Recovery")
struct PaymentRecoveryTests {
  @Test("a charge that was not recorded is found, once it is old enough")
  func recoversAuthorize() async throws {
    let bench = try await PaymentBench.fresh()
    let forgetful = ForgetfulGateway(bench.simulator)
    let payment = try await bench.authorize(by: forgetful).payment
    #expect(payment.state == .authorizing)
    #expect(try await bench.charges(of: payment) == [Charge(state: "authorized")])

    let recovery = PaymentRecovery(bench.service())
    #expect(try await recovery.round() == 0)
    bench.clock.advance(.seconds(6))
    #expect(try await recovery.round() == 1)
    let recovered = try await bench.service().existing(payment.id)
    #expect(recovered.state == .authorized)
    #expect(try await bench.charges(of: payment).count == 1)
    #expect(try await recovery.round() == 0)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("captures and refunds that were not recorded are found")
  func recoversFollowUps() async throws {
    let bench = try await PaymentBench.fresh()
    let service = bench.service(ForgetfulGateway(bench.simulator, crashes: 1))
    let payment = try await bench.authorize().payment
    let capture = try await service.capture(payment.id, .new(), amount: 1000)
    #expect(capture.outcome == .underway)
    bench.clock.advance(.seconds(6))
    _ = try await PaymentRecovery(bench.service()).round()
    #expect(try await bench.service().existing(payment.id).state == .captured)

    let second = bench.service(ForgetfulGateway(bench.simulator, crashes: 1))
    _ = try await second.refund(payment.id, .new(), amount: 1000)
    bench.clock.advance(.seconds(6))
    _ = try await PaymentRecovery(bench.service()).round()
    #expect(try await bench.service().existing(payment.id).state == .refunded)
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 1000)])
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a cancellation goes on by itself, whatever was lost on the way")
  func recoversCancellation() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.captured()
    let service = bench.service(ForgetfulGateway(bench.simulator, crashes: 1))
    let answer = try await service.cancel(
      payment.id, orderID: payment.orderID, currency: .usd)
    #expect(answer.outcome == .underway)
    bench.clock.advance(.seconds(6))
    _ = try await PaymentRecovery(bench.service()).round()
    #expect(try await bench.service().existing(payment.id).state == .cancelled)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("workers that look at once do not take the same operation")
  func takesOnce() async throws {
    let bench = try await PaymentBench.fresh()
    for _ in 0..<6 {
      _ = try await bench.authorize(by: ForgetfulGateway(bench.simulator))
    }
    bench.clock.advance(.seconds(6))
    let now = bench.clock.now
    let taken = try await withThrowingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask { try await bench.store.takeDue(limit: 100, now: now) }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(taken.count == 6)
    #expect(Set(taken).count == 6)
  }

  @Test("cancellations that the provider keeps refusing take turns, and leave room for others")
  func stalledTakeTurns() async throws {
    let bench = try await PaymentBench.fresh()
    let service = bench.service(RefusingGateway(refusals: 100, bench.simulator))
    var ids: Set<PaymentID> = []
    for _ in 0..<3 {
      let payment = try await bench.authorize().payment
      _ = try await service.cancel(payment.id, orderID: payment.orderID, currency: .usd)
      ids.insert(payment.id)
    }
    func take() async throws -> [PaymentID] {
      let now = bench.clock.now
      return try await bench.store.takeStalledCancellations(
        unmovedSince: now + (.zero - .seconds(5)), limit: 1, now: now)
    }
    #expect(try await take().isEmpty)
    bench.clock.advance(.seconds(20))
    for _ in 0..<2 {
      var taken: [PaymentID] = []
      for _ in 0..<3 { taken += try await take() }
      #expect(taken.count == 3)
      #expect(Set(taken) == ids)
      #expect(try await take().isEmpty)
      bench.clock.advance(.seconds(10))
    }
  }

  @Test("holds that cannot be ended take turns, and leave room for others")
  func expiredTakeTurns() async throws {
    let bench = try await PaymentBench.fresh()
    var ids: Set<PaymentID> = []
    for _ in 0..<3 { ids.insert(try await bench.authorize().payment.id) }
    func take() async throws -> [PaymentID] {
      try await bench.store.takeExpiredHolds(limit: 1, now: bench.clock.now)
    }
    #expect(try await take().isEmpty)
    bench.clock.advance(.seconds(8 * 24 * 3600))
    for _ in 0..<2 {
      var taken: [PaymentID] = []
      for _ in 0..<3 { taken += try await take() }
      #expect(taken.count == 3)
      #expect(Set(taken) == ids)
      #expect(try await take().isEmpty)
      bench.clock.advance(.seconds(10))
    }
  }

  @Test("past the provider's memory of keys an operation is looked up, never sent again")
  func looksUpWhenOld() async throws {
    let bench = try await PaymentBench.fresh()
    let known = try await bench.authorize(by: ForgetfulGateway(bench.simulator)).payment
    let unknown = try await bench.authorize(.errorTwiceThenOK).payment
    bench.clock.advance(.seconds(13 * 3600))
    _ = try await PaymentRecovery(bench.service()).round()
    #expect(try await bench.service().existing(known.id).state == .authorized)
    let declined = try await bench.service().existing(unknown.id)
    #expect(declined.state == .declined)
    #expect(declined.declineCode == "never_received")
    #expect(try await bench.charges(of: unknown).isEmpty)
  }

  @Test("a hold whose time is over is voided")
  func expires() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.authorize().payment
    bench.clock.advance(.seconds(8 * 24 * 3600))
    _ = try await PaymentRecovery(bench.service()).round()
    let expired = try await bench.service().existing(payment.id)
    #expect(expired.state == .expired)
    #expect(try await bench.charges(of: payment) == [Charge(state: "voided")])
    #expect(
      try await bench.events(of: payment) == ["payment.authorized", "payment.expired"])
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a provider that stays away is asked less and less often")
  func backsOff() async throws {
    let bench = try await PaymentBench.fresh()
    let away = ForgetfulGateway(bench.simulator, crashes: 100)
    _ = try await bench.authorize(by: away)
    let recovery = PaymentRecovery(bench.service(away))
    var rounds = 0
    for _ in 0..<120 {
      bench.clock.advance(.seconds(1))
      rounds += try await recovery.round()
    }
    #expect((3...6).contains(rounds))
  }
}

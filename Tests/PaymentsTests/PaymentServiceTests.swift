import SharedKernel
import Testing

@testable import Payments

@Suite("The payment service")
struct PaymentServiceTests {
  @Test("an accepted token is authorised, charged once, booked and announced")
  func authorizes() async throws {
    let bench = try await PaymentBench.shared()
    let answer = try await bench.authorize(.ok)
    #expect(answer.outcome == .done(isNew: true))
    #expect(answer.payment.state == .authorized)
    #expect(try await bench.charges(of: answer.payment) == [Charge(state: "authorized")])
    #expect(try await bench.events(of: answer.payment) == ["payment.authorized"])
    let stored = try await bench.service().existing(answer.payment.id)
    #expect(stored.figures == PaymentFigures(authorized: 1000))
    #expect(stored.authorization?.token == nil)
  }

  @Test("the same request again says what became of the first and charges nothing more")
  func repeats() async throws {
    let bench = try await PaymentBench.shared()
    let service = bench.service()
    let id = PaymentID.new()
    let request = try Samples.request()
    _ = try await service.authorize(id, request, hash: [1])
    let again = try await service.authorize(id, request, hash: [1])
    #expect(again.outcome == .done(isNew: false))
    #expect(try await bench.charges(of: again.payment).count == 1)
    #expect(try await bench.events(of: again.payment).count == 1)
    await #expect(throws: PaymentError.differs("a payment")) {
      try await service.authorize(id, request, hash: [2])
    }
  }

  @Test("many at once with one id are one payment and one charge")
  func repeatsAtOnce() async throws {
    // Nobody else waits for its connections, and it waits so long that none is told "under way".
    let bench = try await PaymentBench.fresh()
    let service = PaymentService(
      store: bench.store, gateway: bench.simulator, challenges: bench.simulator,
      timings: PaymentTimings(providerWait: .seconds(60)), now: { bench.clock.now },
      unanswered: { Issue.record("\($0) has no answer: \($1)") })
    let id = PaymentID.new()
    let request = try Samples.request()
    let payments = try await withThrowingTaskGroup { group in
      for _ in 0..<12 {
        group.addTask { try await service.authorize(id, request, hash: [1]).payment }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(payments.map(\.state) == Array(repeating: .authorized, count: 12))
    #expect(try await bench.charges(of: payments[0]).count == 1)
    #expect(try await bench.events(of: payments[0]) == ["payment.authorized"])
  }

  @Test("an order has one payment")
  func oneForEachOrder() async throws {
    let bench = try await PaymentBench.shared()
    let request = try Samples.request()
    _ = try await bench.service().authorize(.new(), request, hash: [1])
    await #expect(throws: PaymentError.orderHasPayment) {
      try await bench.service().authorize(.new(), request, hash: [1])
    }
  }

  @Test(
    "a declined token is refused with its code, again and again",
    arguments: [
      (SimulatorToken.insufficientFunds, "insufficient_funds"),
      (SimulatorToken.stolenCard, "stolen_card"),
    ])
  func declines(token: SimulatorToken, code: String) async throws {
    let bench = try await PaymentBench.shared()
    let id = PaymentID.new()
    let request = try Samples.request(token)
    for _ in 0..<2 {
      await #expect(throws: PaymentError.declined(code: code, order: request.orderID)) {
        try await bench.service().authorize(id, request, hash: [1])
      }
    }
    let payment = try await bench.service().existing(id)
    #expect(payment.state == .declined)
    #expect(try await bench.events(of: payment) == ["payment.declined"])
    #expect(try await bench.charges(of: payment) == [Charge(state: "declined")])
  }

  @Test("a challenge that the customer approves authorises")
  func approves() async throws {
    let bench = try await PaymentBench.shared()
    let waiting = try await bench.authorize(.requiresAction)
    #expect(waiting.outcome == .done(isNew: true))
    #expect(waiting.payment.state == .requiresAction)
    let answer = try await bench.service().confirm(waiting.payment.id, approve: true)
    #expect(answer.payment.state == .authorized)
    // The first answer counts.
    let again = try await bench.service().confirm(waiting.payment.id, approve: false)
    #expect(again.payment.state == .authorized)
    #expect(
      try await bench.events(of: answer.payment)
        == ["payment.requires_action", "payment.authorized"])
  }

  @Test("a challenge that the customer rejects declines")
  func rejects() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(.requiresAction).payment
    for approve in [false, true] {
      await #expect(
        throws: PaymentError.declined(code: "authentication_failed", order: payment.orderID)
      ) {
        try await bench.service().confirm(payment.id, approve: approve)
      }
    }
  }

  @Test("an approval that was not recorded is found out when the order asks again")
  func looksUpChallenge() async throws {
    let bench = try await PaymentBench.shared()
    let id = PaymentID.new()
    let request = try Samples.request(.requiresAction)
    let payment = try await bench.service().authorize(id, request, hash: [1]).payment
    let authorization = try #require(payment.authorization)
    try await bench.simulator.answerChallenge(of: authorization.id, approve: true)
    let answer = try await bench.service().authorize(id, request, hash: [1])
    #expect(answer.payment.state == .authorized)
  }

  @Test("a slow provider leaves the outcome open at first; a later request learns it")
  func slow() async throws {
    let bench = try await PaymentBench.fresh()
    let id = PaymentID.new()
    let request = try Samples.request(.slowOK)
    // Each request waits 3 of the 8 seconds.
    for _ in 0..<2 {
      let answer = try await bench.service().authorize(id, request, hash: [1])
      #expect(answer.outcome == .underway)
      #expect(answer.payment.state == .authorizing)
    }
    let third = try await bench.service().authorize(id, request, hash: [1])
    #expect(third.outcome == .done(isNew: false))
    #expect(try await bench.charges(of: third.payment).count == 1)
  }

  @Test("a lost answer leaves the outcome open; asking again finds the one charge")
  func timesOut() async throws {
    let bench = try await PaymentBench.fresh()
    let id = PaymentID.new()
    let request = try Samples.request(.timeoutThenOK)
    let first = try await bench.service().authorize(id, request, hash: [1])
    #expect(first.outcome == .underway)
    #expect(try await bench.charges(of: first.payment) == [Charge(state: "authorized")])
    let second = try await bench.service().authorize(id, request, hash: [1])
    #expect(second.payment.state == .authorized)
    #expect(try await bench.charges(of: second.payment).count == 1)
  }

  @Test("a provider that fails twice has charged nothing until it works")
  func failsTwice() async throws {
    let bench = try await PaymentBench.shared()
    let id = PaymentID.new()
    let request = try Samples.request(.errorTwiceThenOK)
    for _ in 0..<2 {
      let answer = try await bench.service().authorize(id, request, hash: [1])
      #expect(answer.outcome == .underway)
      #expect(try await bench.charges(of: answer.payment).isEmpty)
    }
    let third = try await bench.service().authorize(id, request, hash: [1])
    #expect(third.payment.state == .authorized)
  }

  @Test("a capture takes what is held; the same id again takes nothing more")
  func captures() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    let id = OperationID.new()
    let first = try await bench.service().capture(payment.id, id, amount: 1000)
    #expect(first.outcome == .done(isNew: true))
    #expect(first.payment.state == .captured)
    let again = try await bench.service().capture(payment.id, id, amount: 1000)
    #expect(again.outcome == .done(isNew: false))
    #expect(
      try await bench.charges(of: payment) == [Charge(state: "authorized", captured: 1000)])
    await #expect(throws: PaymentError.differs("a capture")) {
      try await bench.service().capture(payment.id, id, amount: 999)
    }
  }

  @Test("a capture that the provider declines leaves the hold")
  func captureDeclined() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(.captureFails).payment
    let id = OperationID.new()
    for _ in 0..<2 {
      await #expect(
        throws: PaymentError.declined(code: "capture_failed", order: payment.orderID)
      ) {
        try await bench.service().capture(payment.id, id, amount: 1000)
      }
    }
    let after = try await bench.service().existing(payment.id)
    #expect(after.state == .authorized)
    #expect(after.figures == PaymentFigures(authorized: 1000))
  }

  @Test("captures at once never take more than is held")
  func capturesAtOnce() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(amount: 1000).payment
    let service = bench.service()
    let taken = await withTaskGroup(of: Int64.self) { group in
      for _ in 0..<10 {
        group.addTask {
          do {
            _ = try await service.capture(payment.id, .new(), amount: 300)
            return 300
          } catch {
            return 0
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(taken == 900)
    #expect(
      try await bench.charges(of: payment) == [Charge(state: "authorized", captured: 900)])
  }

  @Test("refunds at once never give back more than was taken")
  func refundsAtOnce() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.captured()
    let service = bench.service()
    let given = await withTaskGroup(of: Int64.self) { group in
      for _ in 0..<10 {
        group.addTask {
          do {
            _ = try await service.refund(payment.id, .new(), amount: 300)
            return 300
          } catch {
            return 0
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(given == 900)
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 900)])
  }

  @Test("a refund that takes its time is under way until the provider has done it")
  func refundPends() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.captured(.refundPending)
    let id = OperationID.new()
    for _ in 0..<2 {
      let answer = try await bench.service().refund(payment.id, id, amount: 400)
      #expect(answer.outcome == .underway)
    }
    bench.clock.advance(.seconds(11))
    let done = try await bench.service().refund(payment.id, id, amount: 400)
    #expect(done.outcome == .done(isNew: false))
    #expect(done.payment.state == .partiallyRefunded)
    #expect(
      try await bench.events(of: payment).suffix(2) == ["refund.pending", "refund.succeeded"])
    #expect(
      try await bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000, refunded: 400)])
  }

  @Test("a refund under way counts: with another it never gives back more than was taken")
  func refundUnderway() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.captured(.refundPending)
    let answer = try await bench.service().refund(payment.id, .new(), amount: 700)
    #expect(answer.outcome == .underway)
    await #expect(throws: PaymentError.refundExceedsCaptured(refundable: 300)) {
      try await bench.service().refund(payment.id, .new(), amount: 400)
    }
    #expect(try await bench.service().existing(payment.id).operations.count == 3)
  }

  @Test("an operation's id belongs to one payment")
  func operationBelongsToOne() async throws {
    let bench = try await PaymentBench.shared()
    let first = try await bench.authorize().payment
    let second = try await bench.authorize().payment
    let id = OperationID.new()
    _ = try await bench.service().capture(first.id, id, amount: 100)
    await #expect(throws: PaymentError.differs("another payment")) {
      try await bench.service().capture(second.id, id, amount: 100)
    }
  }

  @Test("there is nothing to capture of a payment that is not there")
  func unknown() async throws {
    let bench = try await PaymentBench.shared()
    await #expect(throws: NotFound.self) {
      try await bench.service().capture(.new(), .new(), amount: 1)
    }
  }
}

import Postgres
import SharedKernel
import Testing

@testable import Payments

@Suite("The simulator's memory")
struct SimulatorRepositoryTests {
  @Test(
    "a customer's answer locks the charge before its key, as a void does", .timeLimit(.minutes(1)))
  func lockOrder() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize(.requiresAction).payment
    let authorization = try #require(payment.authorization).id
    let answer = try await bench.admin.transaction { transaction in
      // Awaited: what is only sent would lock with the next statement, too late.
      try await transaction.execute(
        "SELECT FROM sim.charges WHERE authorization_id = \(authorization) FOR UPDATE")
      let answer = Task {
        try await bench.simulator.answerChallenge(of: authorization, approve: true)
      }
      try await transaction.waitUntilBlocking()
      // Refused at once (55P03) if the answer had its key already.
      try await transaction.execute(
        "SELECT FROM sim.keys WHERE key = \(authorization) FOR UPDATE NOWAIT")
      return answer
    }
    try await answer.value
    let service = bench.service()
    #expect(try await service.confirm(payment.id, approve: true).payment.state == .authorized)
  }

  @Test("a refund that becomes due locks the charge before its key", .timeLimit(.minutes(1)))
  func lockOrderOfRefunds() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.captured(.refundPending)
    let authorization = try #require(payment.authorization).id
    let refund = OperationID.new()
    _ = try await bench.service().refund(payment.id, refund, amount: 10)
    let due = bench.clock.now + .seconds(11)
    let lookup = try await bench.admin.transaction { transaction in
      try await transaction.execute(
        "SELECT FROM sim.charges WHERE authorization_id = \(authorization) FOR UPDATE")
      let lookup = Task { try await bench.simulator.store.record(of: refund, now: due) }
      try await transaction.waitUntilBlocking()
      try await transaction.execute(
        "SELECT FROM sim.keys WHERE key = \(refund) FOR UPDATE NOWAIT")
      return lookup
    }
    #expect(try await lookup.value?.outcome == .succeeded)
    let charges = try await bench.charges(of: payment)
    #expect(charges == [Charge(state: "authorized", captured: 1000, refunded: 10)])
  }
}

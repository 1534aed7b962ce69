import Postgres
import SharedKernel
import Testing

@testable import Payments

@Suite("Stored payments")
struct PaymentRepositoryTests {
  @Test("a payment is read as it was stored")
  func roundTrip() async throws {
    let bench = try await PaymentBench.shared()
    let request = try Samples.request(mode: .manual)
    let payment = Payment(
      accepting: request, id: .new(), requestHash: [1, 2, 3], now: bench.clock.now,
      holdLifetime: .seconds(60))
    #expect(try await bench.store.insert(payment))
    #expect(try await bench.store.payment(payment.id) == payment)
    #expect(try await !bench.store.insert(payment))
  }

  @Test("a change that throws leaves nothing behind")
  func refusedChange() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    let now = bench.clock.now
    await #expect(throws: PaymentError.inProgress) {
      try await bench.store.update(payment.id) { payment in
        _ = payment.cancel(now: now)
        throw PaymentError.inProgress
      }
    }
    #expect(try await bench.service().existing(payment.id).state == .authorized)
  }

  @Test("the database refuses figures out of order, whatever the code does")
  func checksFigures() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    await #expect {
      try await bench.database.execute(
        "UPDATE payments SET captured = 1001 WHERE id = \(payment.id)")
    } throws: { error in
      (error as? PostgresError)?.constraint == "payments_figures"
    }
  }

  @Test("the service's own role can tell that its schema is up to date")
  func readiness() async throws {
    let bench = try await PaymentBench.shared()
    let pending = try await Migrator.pending(
      paymentMigrations, schema: "payment", in: bench.database)
    #expect(pending.isEmpty)
  }

  @Test("lists are paged, newest first, and filtered")
  func lists() async throws {
    let bench = try await PaymentBench.fresh()
    let user = UserID.new()
    var ids: [PaymentID] = []
    for index in 0..<5 {
      let id = PaymentID.new()
      ids.append(id)
      let request = try Samples.request(user: index < 3 ? user : .new())
      _ = try await bench.service().authorize(id, request, hash: [1])
    }
    let all = try await bench.store.payments(
      PaymentFilter(), page: try PageRequest(limit: 100))
    #expect(all.elements.map(\.id) == ids.sorted().reversed())
    #expect(all.next == nil)

    var filter = PaymentFilter()
    filter.userID = user
    let first = try await bench.store.payments(filter, page: try PageRequest(limit: 2))
    #expect(first.elements.count == 2)
    let second = try await bench.store.payments(
      filter, page: try PageRequest(limit: 2, after: first.next))
    #expect(second.elements.count == 1)
    #expect(second.next == nil)

    filter.state = .captured
    #expect(
      try await bench.store.payments(filter, page: try PageRequest()).elements.isEmpty)
  }

  @Test("each change is announced with the payment's absolute figures and a higher version")
  func announces() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.captured()
    let versions: [Int] = try await bench.admin.values(
      """
      SELECT version FROM payment.outbox WHERE subject = \(payment.id.description) ORDER BY id
      """)
    #expect(versions == versions.sorted() && Set(versions).count == versions.count)
    let captured: String? = try await bench.admin.value(
      """
      SELECT data->>'captured' FROM payment.outbox
      WHERE subject = \(payment.id.description) AND type = 'payment.captured'
      """)
    #expect(captured == "1000")
  }
}

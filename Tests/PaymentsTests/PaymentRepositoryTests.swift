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

  @Test(
    "a payment and its operations are read as they were at one moment", .timeLimit(.minutes(1)))
  func readAtOneMoment() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = Payment(
      accepting: try Samples.request(), id: .new(), requestHash: [1], now: bench.clock.now,
      holdLifetime: .seconds(60))
    #expect(try await bench.store.insert(payment))
    let reading = try await bench.admin.transaction { transaction in
      // Whoever reads is held up between the payment and its operations, if it is ever between them.
      try await transaction.execute(
        "LOCK TABLE payment.payment_operations IN ACCESS EXCLUSIVE MODE")
      let reading = Task { try await bench.store.payment(payment.id) }
      try await transaction.waitUntilBlocking()
      try await transaction.execute(
        """
        UPDATE payment.payments SET state = 'authorized', authorized = amount, version = 2
        WHERE id = \(payment.id)
        """)
      try await transaction.execute(
        """
        UPDATE payment.payment_operations SET state = 'succeeded', token = NULL
        WHERE payment_id = \(payment.id)
        """)
      return reading
    }
    let read = try #require(try await reading.value)
    let authorization = try #require(read.authorization)
    #expect((read.state == .authorizing) == authorization.isOpen, "\(read)")
  }

  @Test("a change that waited for another sees what that one did", .timeLimit(.minutes(1)))
  func changeAfterChange() async throws {
    let bench = try await PaymentBench.fresh()
    let payment = try await bench.authorize().payment
    let change = try await bench.admin.transaction { transaction in
      try await transaction.execute(
        "UPDATE payment.payments SET captured = 10 WHERE id = \(payment.id)")
      let change = Task { try await bench.store.update(payment.id) { $0.operations.map(\.state) } }
      try await transaction.waitUntilBlocking()
      try await transaction.execute(
        "UPDATE payment.payment_operations SET state = 'pending' WHERE payment_id = \(payment.id)")
      return change
    }
    let (seen, operations) = try await change.value
    #expect(seen.figures.captured == 10)
    #expect(operations == [.pending])
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

  @Test("what the recovery worker and reports look for is found by an index")
  func indexes() async throws {
    let bench = try await PaymentBench.fresh()
    try await bench.admin.execute(
      """
      INSERT INTO payment.payments (id, order_id, currency, amount, authorized, captured, refunded,
        state, capture_mode, expires_at, version, created_at, updated_at)
      SELECT gen_random_uuid(), gen_random_uuid(), 'USD', 1000, 1000, 1000, 400,
        'partially_refunded', 'automatic', now() - interval '1 day', 1,
        now() - make_interval(mins => n), now()
      FROM generate_series(1, 5000) AS n
      """)
    try await bench.admin.execute("ANALYZE payment.payments")
    func plan(_ statement: SQL) async throws -> String {
      try await bench.database.values("EXPLAIN \(statement)", as: String.self)
        .joined(separator: "\n")
    }
    let now = Timestamp.now()
    let expired = try await plan(PaymentRepository.expiredHolds(limit: 100, now: now))
    #expect(expired.contains("payments_holds"), "\(expired)")
    let listed = try await plan(
      """
      SELECT id FROM payments WHERE created_at >= \(now + (.zero - .seconds(3600)))
        AND created_at < \(now) ORDER BY created_at LIMIT 1000
      """)
    #expect(listed.contains("payments_created"), "\(listed)")
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

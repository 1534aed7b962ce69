import Postgres
import SharedKernel
import Testing

@testable import Payments

@Suite("The stored ledger")
struct LedgerRepositoryTests {
  @Test("its balances are the payments' figures, and it adds up to zero")
  func balances() async throws {
    let bench = try await PaymentBench.fresh()
    _ = try await bench.authorize(amount: 100)
    let captured = try await bench.captured(amount: 1000)
    _ = try await bench.service().refund(captured.id, .new(), amount: 250)
    let cancelled = try await bench.authorize(amount: 5000).payment
    _ = try await bench.service().cancel(
      cancelled.id, orderID: cancelled.orderID, currency: .usd)

    let balances = try await bench.ledger.trialBalance(LedgerFilter())
    let byAccount = Dictionary(uniqueKeysWithValues: balances.map { ($0.account, $0.balance) })
    #expect(
      byAccount == [
        .authHold: 100, .authHoldContra: -100, .providerClearing: 750, .customerFunds: -750,
      ])
    #expect(try await bench.violations().isEmpty)

    let ofOne = try await bench.ledger.trialBalance(LedgerFilter(paymentID: cancelled.id))
    #expect(ofOne.allSatisfy { $0.balance == 0 && $0.debit == 5000 })
    #expect(try await bench.ledger.trialBalance(LedgerFilter(currency: .eur)).isEmpty)
  }

  @Test("a journal that does not sum to zero is refused at commit")
  func refusesUnbalanced() async throws {
    let bench = try await PaymentBench.shared()
    let payment = try await bench.authorize().payment
    let operation = try #require(payment.authorization)
    await #expect {
      try await bench.database.transaction { transaction in
        try await transaction.execute(
          """
          WITH capture AS (
            INSERT INTO payment_operations (id, payment_id, kind, amount, state, next_run_at,
              created_at)
            VALUES (gen_random_uuid(), \(payment.id), 'capture', 1, 'failed', now(), now())
            RETURNING id
          )
          INSERT INTO ledger_journals (id, operation_id, payment_id, kind, at)
          SELECT \(operation.id), capture.id, \(payment.id), 'capture', now() FROM capture
          """)
        try await transaction.execute(
          """
          INSERT INTO ledger_entries (journal_id, line, account_id, amount)
          SELECT \(operation.id), 1, min(id), 5 FROM ledger_accounts
          """)
      }
    } throws: { error in
      (error as? PostgresError)?.constraint == "ledger_journal_balances"
    }
  }

  @Test(
    "what is booked cannot be changed or removed by the service",
    arguments: [
      "UPDATE ledger_entries SET amount = amount + 1", "DELETE FROM ledger_entries",
      "UPDATE ledger_journals SET kind = 'void'", "DELETE FROM ledger_journals",
      "UPDATE ledger_accounts SET code = 'auth_hold'", "DELETE FROM payments",
      "DELETE FROM payment_operations", "DELETE FROM provider_events",
    ])
  func appendOnly(statement: String) async throws {
    let bench = try await PaymentBench.shared()
    await #expect {
      try await bench.database.execute(SQL(verbatim: statement))
    } throws: { error in
      (error as? PostgresError)?.sqlState == "42501"
    }
  }

  @Test("the service cannot look into the provider's records")
  func separateFromProvider() async throws {
    let bench = try await PaymentBench.shared()
    await #expect {
      try await bench.database.query("SELECT count(*) FROM sim.charges") { _ in }
    } throws: { error in
      (error as? PostgresError)?.sqlState == "42501"
    }
  }
}

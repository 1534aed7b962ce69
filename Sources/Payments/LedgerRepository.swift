import Postgres
import ServiceKit
import SharedKernel

/// The double-entry ledger: accounts, journals and their entries, which are only ever added.
struct LedgerRepository {
  let runner: any SQLRunner

  /// Makes the accounts of a currency, unless they are there.
  func openAccounts(in currency: Currency) async throws {
    let codes = LedgerAccount.allCases.map(\.rawValue)
    // The condition spares the sequence a number for each payment.
    try await runner.send(
      """
      INSERT INTO ledger_accounts (code, currency)
      SELECT code, \(currency) FROM unnest(\(codes)) code
      WHERE NOT EXISTS (SELECT FROM ledger_accounts a
        WHERE a.code = code.code AND a.currency = \(currency))
      ORDER BY code
      ON CONFLICT DO NOTHING
      """)
  }

  func post(_ journal: Journal, of payment: Payment) async throws {
    let id = UUID128.v7()
    try await runner.send(
      """
      INSERT INTO ledger_journals (id, operation_id, payment_id, kind, at)
      VALUES (\(id), \(journal.operationID), \(payment.id), \(journal.kind), now())
      """)
    let accounts = journal.lines.map(\.account.rawValue)
    try await runner.send(
      """
      INSERT INTO ledger_entries (journal_id, line, account_id, amount)
      SELECT \(id), lines.number, (SELECT a.id FROM ledger_accounts a
        WHERE a.code = lines.account AND a.currency = \(payment.amount.currency)), lines.amount
      FROM unnest(\(accounts), \(journal.lines.map(\.amount)))
        WITH ORDINALITY AS lines (account, amount, number)
      """)
  }

  /// What is booked for each payment that was asked for from a time on and before another.
  func bookings(from: Timestamp, to: Timestamp, limit: Int) async throws -> [LedgerBooking] {
    try await runner.query(
      """
      SELECT p.id, a.id, p.currency, coalesce(l.held, 0)::int8, coalesce(l.captured, 0)::int8,
        coalesce(l.refunded, 0)::int8, EXISTS (SELECT FROM payment_operations o
          WHERE o.payment_id = p.id AND o.state IN ('pending', 'waiting')), p.created_at
      FROM payments p JOIN payment_operations a ON a.payment_id = p.id AND a.kind = 'authorize'
        LEFT JOIN LATERAL (
          SELECT sum(e.amount) FILTER (WHERE c.code = 'auth_hold') AS held,
            sum(e.amount) FILTER (WHERE c.code = 'provider_clearing' AND j.kind = 'capture')
              AS captured,
            -sum(e.amount) FILTER (WHERE c.code = 'provider_clearing' AND j.kind = 'refund')
              AS refunded
          FROM ledger_journals j JOIN ledger_entries e ON e.journal_id = j.id
            JOIN ledger_accounts c ON c.id = e.account_id
          WHERE j.payment_id = p.id
        ) AS l ON true
      WHERE p.created_at >= \(from) AND p.created_at < \(to)
      ORDER BY p.created_at LIMIT \(limit)
      """
    ) { row in
      LedgerBooking(
        payment: try row.next(), authorization: try row.next(), currency: try row.next(),
        figures: ReconciledFigures(
          held: try row.next(), captured: try row.next(), refunded: try row.next()),
        isOpen: try row.next(), createdAt: try row.next())
    }
  }

  /// What is on each account, of the entries that `filter` leaves.
  func trialBalance(_ filter: LedgerFilter) async throws -> [AccountBalance] {
    var conditions: [SQL] = ["true"]
    if let payment = filter.paymentID { conditions.append("j.payment_id = \(payment)") }
    if let from = filter.from { conditions.append("j.at >= \(from)") }
    if let to = filter.to { conditions.append("j.at < \(to)") }
    if let currency = filter.currency { conditions.append("a.currency = \(currency)") }
    return try await runner.query(
      """
      SELECT a.code, a.currency,
        coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::int8,
        coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0)::int8
      FROM ledger_entries e JOIN ledger_journals j ON j.id = e.journal_id
        JOIN ledger_accounts a ON a.id = e.account_id
      WHERE \(SQL.joined(conditions, separator: " AND "))
      GROUP BY a.code, a.currency ORDER BY a.currency, a.code
      """
    ) { row in
      AccountBalance(
        account: try row.next(), currency: try row.next(), debit: try row.next(),
        credit: try row.next())
    }
  }
}

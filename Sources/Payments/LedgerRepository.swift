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

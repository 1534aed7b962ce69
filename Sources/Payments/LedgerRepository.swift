import Postgres
import ServiceKit
import SharedKernel

/// The double-entry ledger: accounts, journals and their entries, which are only ever added.
struct LedgerRepository: LedgerBooks {
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
    let conditions = filter.onJournals + filter.onCurrency(of: "a")
    return try await runner.query(
      """
      SELECT a.code, a.currency,
        coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::int8,
        coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0)::int8
      FROM ledger_entries e JOIN ledger_journals j ON j.id = e.journal_id
        JOIN ledger_accounts a ON a.id = e.account_id
      WHERE \(SQL.joined(["true"] + conditions, separator: " AND "))
      GROUP BY a.code, a.currency ORDER BY a.currency, a.code
      """, AccountBalance.init(row:))
  }

  func accounts(
    _ filter: LedgerFilter, page: PageRequest
  ) async throws -> Page<AccountStatement> {
    try await runner.page(
      page, named: "ledger.accounts", by: Self.byAccount,
      select: """
        a.id::int8, a.code, a.currency, coalesce(e.debit, 0)::int8, coalesce(e.credit, 0)::int8
        """,
      from: """
        ledger_accounts a LEFT JOIN LATERAL (
          SELECT sum(e.amount) FILTER (WHERE e.amount > 0) AS debit,
            -sum(e.amount) FILTER (WHERE e.amount < 0) AS credit
          FROM ledger_entries e JOIN ledger_journals j ON j.id = e.journal_id
          WHERE \(SQL.joined(["e.account_id = a.id"] + filter.onJournals, separator: " AND "))
        ) AS e ON true
        """,
      where: filter.onCurrency(of: "a")
    ) { row in
      AccountStatement(id: try row.next(), balance: try AccountBalance(row: &row))
    }
  }

  private static let byAccount = Keyset<AccountStatement>(.ascending, .init("a.id", \.id))

  func journals(
    _ filter: LedgerFilter, page: PageRequest
  ) async throws -> Page<PostedJournal> {
    let found = try await runner.page(
      page, named: "ledger.journals", by: Self.newestFirst,
      select: "j.id, j.payment_id, p.currency, j.at, j.operation_id, j.kind",
      from: "ledger_journals j JOIN payments p ON p.id = j.payment_id",
      where: filter.onJournals + filter.onCurrency(of: "p"), JournalHead.init(row:))
    let lines = try await lines(of: found.elements.map(\.id))
    return found.map { $0.journal(with: lines[$0.id] ?? []) }
  }

  private static let newestFirst = Keyset<JournalHead>(
    .descending, .init("j.at", \.postedAt), .init("j.id", \.id))

  private func lines(of journals: [UUID128]) async throws -> [UUID128: [Journal.Line]] {
    guard !journals.isEmpty else { return [:] }
    let rows = try await runner.query(
      """
      SELECT e.journal_id, a.code, e.amount
      FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
      WHERE e.journal_id = ANY(\(journals.tenOrMore)) ORDER BY e.journal_id, e.line
      """
    ) { row in
      (
        try row.next(as: UUID128.self),
        Journal.Line(account: try row.next(), amount: try row.next())
      )
    }
    return Dictionary(grouping: rows, by: \.0).mapValues { $0.map(\.1) }
  }
}

extension LedgerFilter {
  /// Conditions on the journal `j`.
  fileprivate var onJournals: [SQL] {
    var conditions: [SQL] = []
    if let paymentID { conditions.append("j.payment_id = \(paymentID)") }
    if let from { conditions.append("j.at >= \(from)") }
    if let to { conditions.append("j.at < \(to)") }
    return conditions
  }

  fileprivate func onCurrency(of table: StaticString) -> [SQL] {
    guard let currency else { return [] }
    return ["\(raw: table).currency = \(currency)"]
  }
}

extension AccountBalance {
  fileprivate init(row: inout Row) throws {
    account = try row.next()
    currency = try row.next()
    debit = try row.next()
    credit = try row.next()
  }
}

/// A row of `ledger_journals`, before its entries are there.
private struct JournalHead {
  let id: UUID128
  let paymentID: PaymentID
  let currency: Currency
  let postedAt: Timestamp
  let operationID: OperationID
  let kind: PaymentOperation.Kind

  init(row: inout Row) throws {
    id = try row.next()
    paymentID = try row.next()
    currency = try row.next()
    postedAt = try row.next()
    operationID = try row.next()
    kind = try row.next()
  }

  func journal(with lines: [Journal.Line]) -> PostedJournal {
    PostedJournal(
      id: id, paymentID: paymentID, currency: currency, postedAt: postedAt,
      journal: Journal(kind, operation: operationID, lines: lines))
  }
}

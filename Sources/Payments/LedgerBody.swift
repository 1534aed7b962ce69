import SharedKernel

/// An account as it is answered, with what was booked on it, in minor units.
struct AccountBody: Encodable, Sendable {
  let id: Int64
  let account: LedgerAccount
  let currency: Currency
  let debit: Int64
  let credit: Int64
  let balance: Int64

  init(_ statement: AccountStatement) {
    id = statement.id
    account = statement.balance.account
    currency = statement.balance.currency
    debit = statement.balance.debit
    credit = statement.balance.credit
    balance = statement.balance.balance
  }
}

/// A journal as it is answered.
struct JournalBody: Encodable, Sendable {
  struct Line: Encodable, Sendable {
    let account: LedgerAccount
    /// Debit positive, credit negative.
    let amount: Int64
  }

  let id: UUID128
  let operationId: OperationID
  let paymentId: PaymentID
  let kind: PaymentOperation.Kind
  let currency: Currency
  let at: Timestamp
  let lines: [Line]

  init(_ posted: PostedJournal) {
    id = posted.id
    operationId = posted.journal.operationID
    paymentId = posted.paymentID
    kind = posted.journal.kind
    currency = posted.currency
    at = posted.postedAt
    lines = posted.journal.lines.map { Line(account: $0.account, amount: $0.amount) }
  }
}

struct TrialBalanceBody: Encodable, Sendable {
  struct Account: Encodable, Sendable {
    let account: LedgerAccount
    let currency: Currency
    let debit: Int64
    let credit: Int64
    let balance: Int64
  }

  /// Whether the accounts of each currency add up to zero.
  let balanced: Bool
  let accounts: [Account]

  init(_ balances: [AccountBalance]) {
    accounts = balances.map {
      Account(
        account: $0.account, currency: $0.currency, debit: $0.debit, credit: $0.credit,
        balance: $0.balance)
    }
    balanced = Dictionary(grouping: balances, by: \.currency).values.allSatisfy {
      $0.reduce(0) { $0 + $1.balance } == 0
    }
  }
}

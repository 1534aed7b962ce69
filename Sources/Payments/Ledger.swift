import SharedKernel

/// The accounts of the double-entry ledger, one of each per currency.
enum LedgerAccount: String, Codable, Sendable, CaseIterable {
  /// What the provider owes us: captured less refunded.
  case providerClearing = "provider_clearing"
  /// What we owe for it: the same with the other sign.
  case customerFunds = "customer_funds"
  /// What is held on customers' cards and not captured.
  case authHold = "auth_hold"
  /// The other side of the holds.
  case authHoldContra = "auth_hold_contra"
}

/// One booking of an operation's outcome: lines that add up to zero.
struct Journal: Hashable, Sendable {
  struct Line: Hashable, Sendable {
    let account: LedgerAccount
    /// Minor units; debit positive, credit negative, never zero.
    let amount: Int64
  }

  let operationID: OperationID
  let kind: PaymentOperation.Kind
  let lines: [Line]

  /// The booking of `amount` (positive) for an operation of this kind. A capture also ends the part
  /// of the hold that it takes.
  init(_ kind: PaymentOperation.Kind, of amount: Int64, operation: OperationID) {
    precondition(amount > 0, "a booking of nothing")
    operationID = operation
    self.kind = kind
    lines =
      switch kind {
      case .authorize: Self.move(amount, from: .authHoldContra, to: .authHold)
      case .void: Self.move(amount, from: .authHold, to: .authHoldContra)
      case .capture:
        Self.move(amount, from: .authHold, to: .authHoldContra)
          + Self.move(amount, from: .customerFunds, to: .providerClearing)
      case .refund: Self.move(amount, from: .providerClearing, to: .customerFunds)
      }
  }

  /// As it was stored.
  init(_ kind: PaymentOperation.Kind, operation: OperationID, lines: [Line]) {
    operationID = operation
    self.kind = kind
    self.lines = lines
  }

  private static func move(
    _ amount: Int64, from source: LedgerAccount, to target: LedgerAccount
  ) -> [Line] {
    [Line(account: target, amount: amount), Line(account: source, amount: -amount)]
  }
}

/// What the accounts of one currency must show, given the figures of all its payments.
struct LedgerBalances: Hashable, Sendable {
  private(set) var amounts: [LedgerAccount: Int64] = [:]

  init() {}

  /// The balances that payments with these figures mean.
  init(of payments: some Sequence<PaymentFigures>) {
    for figures in payments {
      amounts[.authHold, default: 0] += figures.hold
      amounts[.authHoldContra, default: 0] -= figures.hold
      amounts[.providerClearing, default: 0] += figures.refundable
      amounts[.customerFunds, default: 0] -= figures.refundable
    }
  }

  subscript(account: LedgerAccount) -> Int64 { amounts[account] ?? 0 }

  mutating func post(_ journal: Journal) {
    for line in journal.lines { amounts[line.account, default: 0] += line.amount }
  }

  static func == (left: LedgerBalances, right: LedgerBalances) -> Bool {
    LedgerAccount.allCases.allSatisfy { left[$0] == right[$0] }
  }

  func hash(into hasher: inout Hasher) {
    for account in LedgerAccount.allCases { hasher.combine(self[account]) }
  }
}

/// Which entries are looked at; nil leaves a column free.
struct LedgerFilter: Hashable, Sendable {
  var paymentID: PaymentID?
  var from: Timestamp?
  var to: Timestamp?
  var currency: Currency?
}

/// One line of a trial balance, in minor units.
struct AccountBalance: Hashable, Sendable {
  let account: LedgerAccount
  let currency: Currency
  let debit: Int64
  let credit: Int64

  var balance: Int64 { debit - credit }
}

/// An account with what is on it.
struct AccountStatement: Hashable, Sendable {
  let id: Int64
  let balance: AccountBalance
}

/// A booking as it is stored.
struct PostedJournal: Hashable, Sendable {
  let id: UUID128
  let paymentID: PaymentID
  let currency: Currency
  let postedAt: Timestamp
  let journal: Journal
}

/// The ledger, to be read.
protocol LedgerBooks: Sendable {
  /// What is on each account, of the entries that `filter` leaves; accounts without such are left out.
  func trialBalance(_ filter: LedgerFilter) async throws -> [AccountBalance]
  /// All accounts, in the order they were opened, with what the entries that `filter` leaves add up to.
  func accounts(_ filter: LedgerFilter, page: PageRequest) async throws -> Page<AccountStatement>
  /// The journals, the newest first.
  func journals(_ filter: LedgerFilter, page: PageRequest) async throws -> Page<PostedJournal>
}

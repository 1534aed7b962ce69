import Postgres

/// One rule about the data of all services (the contract's invariants I1 to I11, in parts that one
/// statement can look at), and the statement that finds what breaks it.
struct Check: Sendable {
  /// The contract's name for the invariant: "I3". Several checks may be parts of one.
  let id: String
  /// The rule, as a sentence that is true while it holds.
  let title: String
  /// What must be there to be looked at: `schema.table`. Without one of them the rule says nothing.
  let tables: [String]
  /// How to look at it; nil where the feature that it is about is not built yet.
  let queries: Queries?

  struct Queries: Sendable {
    /// Selects one number: how many rows the rule speaks of.
    let rows: SQL
    /// Selects two texts for each violation: what is wrong, and the command or SQL to look at it.
    let violations: SQL
  }

  init(_ id: String, _ title: String, tables: [String], rows: SQL, violations: SQL) {
    self.id = id
    self.title = title
    self.tables = tables
    queries = Queries(rows: rows, violations: violations)
  }

  /// A rule of the contract about `table`, which does not exist yet. When it does, the rule is not
  /// passed over: it is reported as broken until somebody writes its queries.
  init(_ id: String, _ title: String, awaiting table: String) {
    self.id = id
    self.title = title
    tables = [table]
    queries = nil
  }

  /// All of them, in the order of the contract.
  static let all =
    stockChecks + orderChecks + followUpChecks + paymentChecks + feedChecks + noticeChecks
    + restChecks

  /// An order's states from the confirmation on; the contract calls all of them confirmed.
  static let confirmed: SQL = "('confirmed', 'partially_shipped', 'shipped', 'delivered')"

  /// Events' types from each source that people are told of, which the contract lists (section 6.2).
  static let noticedTypes = [
    "order": [
      "order.confirmed", "order.awaiting_payment", "order.cancelled", "order.shipped",
      "order.delivered", "order.refunded", "order.attention_required",
    ],
    "payment": ["payment.declined", "refund.failed"],
    "product": ["stock.low"],
    "user": [
      "user.registered", "user.email_verification_requested", "user.password_reset_requested",
      "user.password_changed", "user.locked",
    ],
  ]

  /// Who reads whose feed: the reader's short name, the source's.
  static let readers = [
    ("order", "payment"), ("order", "product"), ("order", "user"), ("notification", "order"),
    ("notification", "payment"),
    ("notification", "product"), ("notification", "user"),
  ]
}

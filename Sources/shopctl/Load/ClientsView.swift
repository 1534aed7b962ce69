import Postgres

/// What the database says of the orders of one run, beside what the customers were told.
struct ClientsView: Sendable {
  struct Row: Sendable, Equatable {
    let key: String
    let id: String
    let number: Int64
    let state: String
    let cancelReason: String?
    /// Whether all its units have been paid back.
    var isPaidBack = false
  }

  /// Where the two differ, in the order of the keys; at rest there is nothing.
  let differences: [String]

  init(_ experiences: [Shopper.Experience], _ rows: [Row]) {
    let byKey = Dictionary(grouping: rows, by: \.key)
    let known = Set(experiences.map(\.key))
    differences =
      experiences.compactMap { Self.difference($0, byKey[$0.key] ?? []) }.sorted()
      + rows.filter { !known.contains($0.key) }.map { "order \($0.number) has a key of nobody's" }
  }

  /// The orders whose keys begin with `prefix`.
  static func rows(ofRun prefix: String, in transaction: Transaction) async throws -> [Row] {
    try await transaction.query(
      """
      SELECT idem_key, id::text, number, state, cancel_reason, NOT EXISTS (
        SELECT FROM orders.order_lines WHERE order_id = orders.id AND refunded_qty < quantity)
      FROM orders.orders
      WHERE starts_with(idem_key, \(prefix))
      """
    ) { row in
      Row(
        key: try row.next(), id: try row.next(), number: try row.next(), state: try row.next(),
        cancelReason: try row.next(), isPaidBack: try row.next())
    }
  }

  private static func difference(_ seen: Shopper.Experience, _ rows: [Row]) -> String? {
    guard rows.count <= 1 else { return "\(seen.key) has \(rows.count) orders" }
    guard let row = rows.first else {
      // Nothing came of what was never accepted.
      let mayBeNothing =
        seen.orderIDs.isEmpty && [.undecided, .outOfStock].contains(seen.ending)
      return mayBeNothing
        ? nil
        : "\(seen.key): told \(seen.ending.rawValue) (\(seen.lastNote)), and there is no order"
    }
    if let other = seen.orderIDs.first(where: { $0 != row.id }) {
      return "\(seen.key): told of order \(other), and it is \(row.id)"
    }
    return isTrue(seen.ending, of: row)
      ? nil
      : "order \(row.number): told \(seen.ending.rawValue) (\(seen.lastNote)), and it is \(row.state)"
        + (row.cancelReason.map { ", \($0)" } ?? "")
  }

  /// Whether an order at rest is what its customer was told.
  private static func isTrue(_ ending: Shopper.Experience.Ending, of row: Row) -> Bool {
    switch (ending, row.state, row.cancelReason) {
    case (.confirmed, "confirmed", _), (.cancelling, "confirmed", _): true
    case (.shipped, "shipped", _): !row.isPaidBack
    case (.refunded, "shipped", _): row.isPaidBack
    case (.following, "confirmed", _), (.following, "shipped", _): true
    case (.cancelled, "cancelled", "requested"), (.cancelling, "cancelled", "requested"): true
    case (.givenUp, "cancelled", "timed_out"): true
    case (.declined, "cancelled", "payment_declined"), (.declined, "cancelled", "payment_refused"),
      (.declined, "cancelled", "capture_refused"):
      true
    case (.outOfStock, "cancelled", "insufficient_stock"), (.outOfStock, "cancelled", "hold_lost"):
      true
    case (.undecided, "confirmed", _), (.undecided, "cancelled", _): true
    default: false
    }
  }
}

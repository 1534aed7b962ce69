import Postgres
import ServiceKit
import SharedKernel

/// All that the five services and the provider know of one order, read in one snapshot.
struct OrderHistory: Encodable, Sendable {
  /// Where an order stands.
  struct Head: Encodable, Sendable {
    let id: String
    let number: Int64
    let state: String
    /// Why it was cancelled, with the provider's code where it gave one.
    let cancelReason: String?
    let isGuest: Bool
    let total: String
    let authorized: String
    let captured: String
    let refunded: String
    let paymentID: String
    let paymentState: String?
    let reservationState: String?
    /// A saga that has not ended: its kind, step, attempts, last trouble and when it goes on.
    let saga: String?
  }

  struct Line: Encodable, Sendable {
    let quantity: Int
    let name: String
    let sku: String
    let total: String
  }

  /// Something that happened.
  struct Moment: Encodable, Sendable {
    /// UTC, with milliseconds.
    let at: String
    /// Since the order was accepted.
    let milliseconds: Int64
    /// Who tells of it: "order", "saga", "payment", "provider", "ledger", "stock", "event", "notice".
    let teller: String
    let what: String
  }

  let head: Head
  let lines: [Line]
  /// In the order of time.
  let moments: [Moment]

  /// - Parameter name: the order's number or its id.
  /// - Throws: `PostgresError`; `Trouble` when there is no such order.
  init(of name: String, in transaction: Transaction) async throws {
    guard
      let found = try await transaction.first(
        """
        SELECT id, currency FROM orders.orders WHERE number::text = \(name) OR id::text = lower(\(name))
        """,
        { row in (id: try row.next(as: UUID128.self), currency: try row.next(as: String.self)) })
    else {
      throw Trouble(
        "there is no order \(name).", next: ["The newest ones: curl localhost:8082/orders (staff)"])
    }
    let money = HistoryMoney(currency: found.currency)
    guard
      let head = try await transaction.first(
        HistorySQL.head(found.id, money), { try Head(row: &$0) })
    else { throw Trouble("the order \(name) is gone.") }
    self.head = head
    lines = try await transaction.query(HistorySQL.lines(found.id, money)) { row in
      Line(
        quantity: try row.next(), name: try row.next(), sku: try row.next(), total: try row.next())
    }
    let isSimulated = try await transaction.value(
      "SELECT to_regclass('sim.keys') IS NOT NULL", as: Bool.self)
    moments = try await transaction.query(
      HistorySQL.moments(found.id, money, isSimulated: isSimulated ?? false)
    ) { row in
      Moment(
        at: try row.next(), milliseconds: try row.next(), teller: try row.next(),
        what: try row.next())
    }
  }

  /// For people.
  var text: String {
    var text = [
      "Order \(head.number), \(head.state)"
        + (head.cancelReason.map { " (\($0))" } ?? "")
        + (head.isGuest ? ", a guest's" : ""),
      "  id \(head.id), payment \(head.paymentID)",
    ]
    text += lines.map { "  \($0.quantity) x \($0.name) (\($0.sku)): \($0.total)" }
    text.append(
      "  total \(head.total); authorised \(head.authorized), captured \(head.captured),"
        + " refunded \(head.refunded)")
    text.append(
      "  reservation \(head.reservationState ?? "none"), payment \(head.paymentState ?? "none")")
    if let saga = head.saga { text.append("  under way: \(saga)") }
    text.append("")
    var day = ""
    for moment in moments {
      let date = String(moment.at.prefix(10))
      if date != day {
        day = date
        text.append("  \(date), UTC")
      }
      let time = moment.at.dropFirst(11)
      let since = Self.padded("+\(moment.milliseconds) ms", to: 11, atLeft: true)
      text.append("  \(time) \(since)  \(Self.padded(moment.teller, to: 9))\(moment.what)")
    }
    return text.joined(separator: "\n")
  }

  private static func padded(_ text: String, to width: Int, atLeft: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return atLeft ? blanks + text : text + blanks
  }
}

extension OrderHistory.Head {
  init(row: inout Row) throws {
    id = try row.next()
    number = try row.next()
    state = try row.next()
    cancelReason = try row.next()
    isGuest = try row.next()
    total = try row.next()
    authorized = try row.next()
    captured = try row.next()
    refunded = try row.next()
    paymentID = try row.next()
    paymentState = try row.next()
    reservationState = try row.next()
    saga = try row.next()
  }
}

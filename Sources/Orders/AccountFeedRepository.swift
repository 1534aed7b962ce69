import Postgres
import ServiceKit
import SharedKernel

/// What the end of an account does here: its orders stay, for the books, and say no longer whose
/// they were. One that is still under way keeps its address until it has arrived or is cancelled.
struct AccountFeedRepository: Sendable {
  static let types = ["user.deleted"]
  /// How often orders that were under way are looked at again.
  static let sweepInterval: Duration = .seconds(60)
  /// Users that one transaction of the sweep looks at, and orders that one statement changes.
  static let usersMax = 100
  private static let ordersMax = 500
  private static let batchPause: Duration = .milliseconds(100)
  /// How long a user is looked at at least: who held a token may order a little longer.
  private static let watched: SQL = "interval '1 day'"

  func apply(_ event: FeedEvent, in transaction: Transaction) async throws {
    guard let user = UserID(event.subject) else { throw NotFound("user") }
    try await transaction.send(
      "INSERT INTO deleted_users (user_id) VALUES (\(user)) ON CONFLICT DO NOTHING")
    try await transaction.send(Self.anonymisingCarts(of: [user]))
    try await transaction.send(Self.anonymisingOrders(of: [user]))
  }

  // MARK: Sweeping

  /// How far a sweep over the deleted users has come.
  struct Swept: Equatable {
    /// Of how many orders names and addresses were taken out.
    var orders = 0
    /// The last user that is done with for now; nil: there are no more.
    var last: UserID?
  }

  /// Looks at the next deleted users of whom something may be left, `usersMax` at most, and notes for
  /// good of whom nothing is.
  func sweep(
    after last: UserID?, usersMax: Int = Self.usersMax, in runner: any SQLRunner
  ) async throws -> Swept {
    let behind: SQL = last.map { "AND user_id > \($0)" } ?? ""
    let users: [UserID] = try await runner.values(
      """
      SELECT user_id FROM deleted_users WHERE done_at IS NULL \(behind)
      ORDER BY user_id LIMIT \(usersMax)
      """)
    if users.isEmpty { return Swept() }
    try await runner.send(Self.anonymisingCarts(of: users))
    let orders = try await runner.execute(Self.anonymisingOrders(of: users))
    // There may be more of these users' orders.
    if orders == Self.ordersMax { return Swept(orders: orders, last: last) }
    try await runner.execute(Self.closing(users))
    return Swept(orders: orders, last: users.count < usersMax ? nil : users.last)
  }

  /// Until cancelled.
  func run(on database: Database) async throws {
    var last: UserID?
    while true {
      let from = last
      let swept = try await database.transaction { try await sweep(after: from, in: $0) }
      last = swept.last
      let isOver = swept.last == nil && swept.orders < Self.ordersMax
      try await Task.sleep(for: isOver ? Self.sweepInterval : Self.batchPause)
    }
  }

  // MARK: Statements

  /// Takes names and addresses out of the users' orders that have ended; of `ordersMax` at most.
  private static func anonymisingOrders(of users: [UserID]) -> SQL {
    """
    WITH ended AS MATERIALIZED (
      SELECT id FROM orders
      WHERE user_id = ANY(\(users.tenOrMore)) AND state IN ('delivered', 'cancelled')
        AND anonymised_at IS NULL
      ORDER BY id LIMIT \(ordersMax) FOR UPDATE SKIP LOCKED
    ), addresses AS (
      UPDATE order_addresses a SET name = 'Deleted', line1 = '-', line2 = NULL, city = '-',
        region = NULL, postal_code = '-', phone = NULL
      FROM ended WHERE a.order_id = ended.id
    )
    UPDATE orders o SET email = NULL, note = NULL, cancel_note = NULL, locale = NULL,
      anonymised_at = now(), version = o.version + 1
    FROM ended WHERE o.id = ended.id
    """
  }

  /// Gives up the users' carts that no order is being made of, and forgets where they were to go.
  private static func anonymisingCarts(of users: [UserID]) -> SQL {
    """
    UPDATE carts SET shipping = NULL, version = version + 1, updated_at = now(),
      status = CASE status WHEN 'open' THEN 'abandoned' ELSE status END
    WHERE user_id = ANY(\(users.tenOrMore)) AND status <> 'locked'
      AND (shipping IS NOT NULL OR status = 'open')
    """
  }

  /// Notes of whom nothing is left; a cart that is locked has an order that has not ended.
  private static func closing(_ users: [UserID]) -> SQL {
    """
    UPDATE deleted_users d SET done_at = now()
    WHERE user_id = ANY(\(users.tenOrMore)) AND at < now() - \(watched)
      AND NOT EXISTS (
        SELECT FROM orders o WHERE o.user_id = d.user_id AND o.anonymised_at IS NULL)
      AND NOT EXISTS (SELECT FROM carts c WHERE c.user_id = d.user_id AND c.status = 'open')
      AND NOT EXISTS (SELECT FROM carts c WHERE c.user_id = d.user_id AND c.shipping IS NOT NULL)
    """
  }
}

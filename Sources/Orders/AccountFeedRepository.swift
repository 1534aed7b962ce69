import Postgres
import ServiceKit
import SharedKernel

/// What the end of an account does here: its orders stay, for the books, and say no longer whose
/// they were. One that is still under way keeps its address until it has arrived or is cancelled.
struct AccountFeedRepository: Sendable {
  static let types = ["user.deleted"]
  /// How often orders that were under way are looked at again.
  static let sweepInterval: Duration = .seconds(60)
  private static let batchMax = 500

  func apply(_ event: FeedEvent, in transaction: Transaction) async throws {
    guard let user = UserID(event.subject) else { throw NotFound("user") }
    try await transaction.send(
      "INSERT INTO deleted_users (user_id) VALUES (\(user)) ON CONFLICT DO NOTHING")
    _ = try await sweep(in: transaction)
  }

  /// Takes names and addresses out of deleted accounts' carts, and of their orders that have ended.
  ///
  /// - Returns: of how many orders; at most `batchMax`.
  func sweep(in runner: any SQLRunner) async throws -> Int {
    try await sweepCarts(in: runner)
    return try await runner.execute(
      """
      WITH ended AS MATERIALIZED (
        SELECT o.id FROM orders o JOIN deleted_users d ON d.user_id = o.user_id
        WHERE o.state IN ('delivered', 'cancelled') AND o.anonymised_at IS NULL
        ORDER BY o.id LIMIT \(Self.batchMax) FOR UPDATE OF o SKIP LOCKED
      ), addresses AS (
        UPDATE order_addresses a SET name = 'Deleted', line1 = '-', line2 = NULL, city = '-',
          region = NULL, postal_code = '-', phone = NULL
        FROM ended WHERE a.order_id = ended.id
      )
      UPDATE orders o SET email = NULL, note = NULL, cancel_note = NULL, locale = NULL,
        anonymised_at = now(), version = o.version + 1
      FROM ended WHERE o.id = ended.id
      """)
  }

  /// Gives up deleted accounts' carts that no order is being made of, and forgets where they were to go.
  private func sweepCarts(in runner: any SQLRunner) async throws {
    try await runner.execute(
      """
      UPDATE carts c SET shipping = NULL, version = c.version + 1, updated_at = now(),
        status = CASE c.status WHEN 'open' THEN 'abandoned' ELSE c.status END
      FROM deleted_users d
      WHERE d.user_id = c.user_id AND c.status <> 'locked'
        AND (c.shipping IS NOT NULL OR c.status = 'open')
      """)
  }

  /// Until cancelled.
  func run(on database: Database) async throws {
    while true {
      let count = try await database.transaction { try await sweep(in: $0) }
      if count < Self.batchMax { try await Task.sleep(for: Self.sweepInterval) }
    }
  }
}

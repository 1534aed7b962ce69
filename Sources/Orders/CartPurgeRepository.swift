import Postgres

/// Carts that nobody touches any more come to an end: guests come once and leave theirs behind.
///
/// One that is locked stays, and one that was bought stays with its order. An order that was cancelled
/// no longer tells of which cart it was.
struct CartPurgeRepository: Sendable {
  /// How long a cart is kept after it was last changed.
  static let keptDays = 90
  static let batchMax = 500
  /// How long it rests when nothing more is due.
  static let interval: Duration = .seconds(3600)
  private static let batchPause: Duration = .milliseconds(100)

  let database: Database

  /// Removes those that were left the longest.
  ///
  /// - Returns: how many were removed; at `batchMax` there may be more.
  func purge(batchMax: Int = Self.batchMax) async throws -> Int {
    // A guest's cart that went into a user's is removed before that.
    try await database.execute(
      """
      WITH left_behind AS MATERIALIZED (
        SELECT id FROM carts c
        WHERE status IN ('open', 'abandoned')
          AND updated_at < now() - make_interval(days => \(Int32(Self.keptDays)))
          AND NOT EXISTS (SELECT FROM carts m WHERE m.merged_into = c.id)
        ORDER BY updated_at LIMIT \(batchMax) FOR UPDATE SKIP LOCKED
      ), lines AS (
        DELETE FROM cart_lines l USING left_behind WHERE l.cart_id = left_behind.id
      ), cancelled AS (
        UPDATE orders o SET cart_id = NULL FROM left_behind WHERE o.cart_id = left_behind.id
      )
      DELETE FROM carts c USING left_behind WHERE c.id = left_behind.id
      """)
  }

  /// Until cancelled.
  func run() async throws {
    while true {
      let removed = try await purge()
      try await Task.sleep(for: removed == Self.batchMax ? Self.batchPause : Self.interval)
    }
  }
}

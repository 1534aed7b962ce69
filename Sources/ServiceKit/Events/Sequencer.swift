import EventLoops
import Postgres

/// Gives committed outbox rows their place in the feed: positions without a gap, in an order that no
/// later commit can disturb.
///
/// A sequence would leave gaps (a rolled back `nextval`), and the row's own id would let a reader
/// pass a row whose transaction commits late. So the numbers come from one counter row, which is
/// locked by a statement of its own: a single statement would number by a snapshot taken before the
/// lock, and two sequencers would number the same rows.
struct Sequencer: Sendable {
  static let batchMax = 500
  /// Between one numbering and the next, so that under load the events of many changes are numbered, read
  /// and applied together; each numbering wakes every reader of the feed.
  static let gatherInterval: Duration = .milliseconds(50)
  /// Right after an append the row is not committed yet.
  static let commitInterval: Duration = .milliseconds(5)
  /// How long a row may wait when nobody told of it (another process wrote it, or its transaction
  /// was slow to commit).
  static let pollInterval: Duration = .milliseconds(100)

  let database: Database
  let signal: FeedSignal
  let bell: FeedBell

  func run() async throws {
    var isNews = false
    var quietUntil = ContinuousClock.now
    var seen = signal.count(.unnumbered)
    while !Task.isCancelled {
      let seenBefore = seen
      seen = signal.count(.unnumbered)
      let numbered = try await number()
      if numbered > 0 {
        signal.raise(.numbered)
        isNews = true
      }
      if isNews, ContinuousClock.now >= quietUntil {
        isNews = false
        quietUntil = .now + FeedBell.interval
        // Who is not told looks by itself; numbering goes on.
        try? await bell.ring()
      }
      guard let loop = EventLoop.current else { preconditionFailure("workers run on a loop") }
      if numbered == Self.batchMax { continue }
      if numbered > 0 {
        try await loop.sleep(for: Self.gatherInterval)
      } else if signal.count(.unnumbered) != seenBefore {
        try await loop.sleep(for: Self.commitInterval)
      } else {
        await signal.wait(for: .unnumbered, since: seen, limit: Self.pollInterval, on: loop)
      }
    }
  }

  /// - Returns: how many rows were numbered.
  func number() async throws -> Int {
    let isWaiting = try await database.first(
      "SELECT 1 FROM outbox WHERE position IS NULL LIMIT 1"
    ) { try $0.next(as: Int32.self) }
    guard isWaiting != nil else { return 0 }
    return try await database.transaction { transaction in
      let head = try await transaction.first(
        "SELECT position FROM feed_head FOR UPDATE"
      ) { try $0.next(as: Int64.self) }
      guard let head else { preconditionFailure("feed_head has its one row from its migration") }
      let numbered = try await transaction.execute(
        """
        UPDATE outbox SET position = \(head) + fresh.place
        FROM (
          SELECT id, row_number() OVER (ORDER BY id) AS place
          FROM outbox WHERE position IS NULL ORDER BY id LIMIT \(Int64(Self.batchMax))
        ) AS fresh
        WHERE outbox.id = fresh.id
        """)
      try await transaction.send(
        "UPDATE feed_head SET position = \(head + Int64(numbered))")
      return numbered
    }
  }
}

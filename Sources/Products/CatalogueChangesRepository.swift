import Postgres
import Synchronization

/// Makes a cache as new as the database, whenever somebody is about to answer from it.
///
/// One statement asks what has changed since the last one, for all who ask in a turn of an event loop. A change
/// is told by the number of its transaction: those are new that the snapshot of the last time did not
/// show, whatever the order in which transactions began and ended.
final class CatalogueChanges: Sendable {
  /// More at once are taken for all.
  private static let changesMax = 1000
  private static let triesMax = 4

  private enum Subject: Hashable { case everything }

  private let checks: BatchedLookup<Subject, Bool>

  init(database: Database, cache: CatalogueCache) {
    let seen = Mutex(SeenChanges())
    checks = BatchedLookup(on: database.group) { _ in
      [try await Self.apply(in: database, to: cache, seen)]
    }
  }

  /// Whether what the cache holds after this is what the database held when it was asked for, or newer.
  nonisolated(nonsending) func areApplied() async throws -> Bool {
    try await checks.value(for: .everything) ?? false
  }

  private static func apply(
    in database: Database, to cache: CatalogueCache, _ seen: borrowing Mutex<SeenChanges>
  ) async throws -> Bool {
    for _ in 0..<triesMax {
      guard let question = seen.withLock({ $0.question(at: .now) }) else { return false }
      let answer: Answer?
      do {
        answer = try await ask(question.since, in: database)
        if answer == nil { try await CatalogueRun.begin(in: database) }
      } catch let error as PostgresError where error.isOfStandby {
        seen.withLock { $0.pause(at: .now) }
        return false
      }
      guard let answer else { continue }
      // Under the lock, so that nobody asks for later changes before these are applied.
      let verdict = seen.withLock { seen in
        let verdict = seen.take(
          answer.snapshot, ofRun: answer.run, isWhole: answer.changes != nil, for: question)
        switch verdict {
        case .changes: cache.forget(answer.changes ?? [])
        case .everything: cache.forgetEverything()
        case .askAgain: break
        }
        return verdict
      }
      if verdict != .askAgain { return true }
    }
    return false
  }

  private struct Answer {
    let run: String
    let snapshot: SeenChanges.Snapshot
    /// Nil for too many, and when some are gone.
    let changes: [CatalogueCache.Change]?
  }

  /// - Returns: nil when the server has begun a run in which nobody has asked yet.
  private static func ask(
    _ since: SeenChanges.Snapshot?, in database: Database
  ) async throws -> Answer? {
    try await database.first(question(since: since)) { row in
      let run: String = try row.next()
      let text: String = try row.next()
      guard let snapshot = SeenChanges.Snapshot(text) else {
        throw PostgresError.invalid("\(text) is no snapshot")
      }
      let isNothingPruned: Bool = try row.next() ?? false
      let changed: [Int] = try row.next()
      let isWhole = isNothingPruned && changed.count <= changesMax && !changed.contains(0)
      return Answer(
        run: run, snapshot: snapshot,
        changes: isWhole ? changed.map { $0 < 0 ? .single(-$0) : .product($0) } : nil)
    }
  }

  /// Its plan is the same for any values, and uses the index unless the table is tiny: a comparison with a
  /// bound value alone is taken for a third of the table, or planned anew each time.
  static func question(since: SeenChanges.Snapshot?) -> SQL {
    """
    SELECT run.id::text, pg_current_snapshot()::text, run.pruned <= \(since?.oldest)::xid8, ARRAY(
      (SELECT CASE WHEN c.in_lists THEN c.product_id ELSE -c.product_id END
      FROM catalogue_changes c
      WHERE c.xid >= (SELECT \(since?.next)::xid8)
        -- Later ones came with a dump of a server that had had more transactions.
        AND c.xid < pg_snapshot_xmax(pg_current_snapshot())
      ORDER BY c.xid LIMIT \(constant: changesMax + 1))
      UNION ALL
      (SELECT CASE WHEN c.in_lists THEN c.product_id ELSE -c.product_id END
      FROM catalogue_changes c
      WHERE c.xid = ANY(ARRAY(
        SELECT running FROM unnest(\(since?.running ?? [])::xid8[]) AS running
        WHERE pg_visible_in_snapshot(running, pg_current_snapshot())))
      LIMIT \(constant: changesMax + 1))
    ) FROM catalogue_run run WHERE \(CatalogueRun.isOfThisServer)
    """
  }
}

/// The server's run, of which there is a row as soon as somebody has asked in it.
private enum CatalogueRun {
  static let isOfThisServer: SQL = "place = pg_relation_filepath('catalogue_run')"

  static func begin(in database: Database) async throws {
    try await database.execute(
      """
      INSERT INTO catalogue_run AS run (place) VALUES (pg_relation_filepath('catalogue_run'))
      ON CONFLICT (one) DO UPDATE SET id = gen_random_uuid(), pruned = '0', place = EXCLUDED.place
      WHERE run.place <> EXCLUDED.place
      """)
  }
}

extension PostgresError {
  /// What is not logged can be neither read from a standby nor written where nothing can be.
  fileprivate var isOfStandby: Bool { sqlState == "0A000" || sqlState == "25006" }
}

/// Deletes changes when everybody has had some minutes to hear of them. Who has not takes everything for
/// changed.
struct CatalogueChangePruner: Sendable {
  private static let retention: Duration = .seconds(600)
  private static let rowsMax = 10_000

  let database: Database

  /// Which transactions had ended, and in which run of the server.
  struct Mark: Sendable {
    let run: String
    let oldest: String
  }

  func run() async throws {
    while true {
      let mark = try await mark()
      try await Task.sleep(for: Self.retention)
      if let mark { try await prune(before: mark) }
    }
  }

  /// - Returns: nil when the server began another run in between.
  func mark() async throws -> Mark? {
    // Services that keep nothing ask for nothing, but their changes are told all the same.
    try await CatalogueRun.begin(in: database)
    return try await database.first(
      """
      SELECT id::text, pg_snapshot_xmin(pg_current_snapshot())::text FROM catalogue_run
      WHERE \(CatalogueRun.isOfThisServer)
      """
    ) { Mark(run: try $0.next(), oldest: try $0.next()) }
  }

  func prune(before mark: Mark) async throws {
    while try await pruneSome(before: mark) == Self.rowsMax {}
  }

  private func pruneSome(before mark: Mark) async throws -> Int {
    try await database.transaction { transaction in
      let isSameRun = try await transaction.execute(
        """
        UPDATE catalogue_run SET pruned = GREATEST(pruned, \(mark.oldest)::xid8)
        WHERE id::text = \(mark.run)
        """)
      if isSameRun == 0 { return 0 }
      return try await transaction.execute(
        """
        DELETE FROM catalogue_changes WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM catalogue_changes WHERE xid < (SELECT \(mark.oldest)::xid8)
          ORDER BY xid LIMIT \(constant: Self.rowsMax)))
        """)
    }
  }
}

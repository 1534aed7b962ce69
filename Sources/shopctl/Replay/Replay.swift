import Postgres

/// Empties what services made of others' events, lets them read all feeds from the beginning, and
/// compares what they make of them with what was there.
struct Replay: Sendable {
  /// Where the rows of before are kept until they are compared; left there when they differ.
  static let schema = "replay"

  /// What came of one projection.
  struct Result: Encodable, Sendable {
    let name: String
    let rows: Int
    /// Were there before, and are not now.
    let missing: Int
    /// Are there now, and were not before.
    let added: Int
  }

  struct Report: Encodable, Sendable {
    let results: [Result]
    /// Of the notices and deliveries that were there before: those that were sent again, or wait
    /// for it.
    let sentAgain: Int
    /// What still moved when the time was over.
    let moving: [String]

    var isEqual: Bool {
      moving.isEmpty && sentAgain == 0 && results.allSatisfy { $0.missing == 0 && $0.added == 0 }
    }

    var text: String {
      var lines = results.map { result in
        let isEqual = result.missing == 0 && result.added == 0
        return "  \(isEqual ? "ok" : "!!") \(result.name): \(result.rows) rows"
          + (isEqual ? ", the same again" : ", \(result.missing) missing, \(result.added) added")
      }
      lines.append(
        "  \(sentAgain == 0 ? "ok" : "!!") \(sentAgain) notices and deliveries were sent again")
      lines += moving.map { "  !! not read to its end: \($0)" }
      return lines.joined(separator: "\n")
    }
  }

  let admin: AdminSession

  /// - Parameter limit: for the reading.
  /// - Throws: `Trouble` when something moves or waits to be sent, since it would be forgotten.
  func run(within limit: Duration) async throws -> Report {
    let moving = await AtRest(admin: admin).moving()
    guard moving.isEmpty else {
      throw Trouble(
        "the shop is not at rest, so nothing was emptied.", evidence: moving,
        next: ["Wait until nothing moves: ./shop verify --wait 60"])
    }
    let projections = try await present()
    try await requireNothingWaits(projections)
    try await admin.run(try await emptying(projections))
    let left = await AtRest(admin: admin).wait(atMost: limit)
    let report = try await compare(projections, moving: left)
    if report.isEqual { try await admin.run(Self.tidying) }
    return report
  }

  private func present() async throws -> [Projection] {
    try await admin.snapshot { transaction in
      let isLeft: Bool? = try await transaction.value(
        "SELECT to_regnamespace(\(Self.schema)) IS NOT NULL")
      if isLeft == true {
        throw Trouble(
          "an earlier replay did not end well: what it emptied is in the schema \(Self.schema).",
          next: ["When it has been looked at: DROP SCHEMA \(Self.schema) CASCADE;"])
      }
      var present: [Projection] = []
      for projection in Projection.all {
        let missing: Int? = try await transaction.value(
          """
          SELECT count(*) FROM unnest(\(projection.tables)) AS name
          WHERE to_regclass(name) IS NULL
          """
        )
        if missing == 0 { present.append(projection) }
      }
      return present
    }
  }

  private static let waiting: SQL = """
    SELECT (SELECT count(*) FROM notification.notifications WHERE state = 'queued')
      + (SELECT count(*) FROM notification.webhook_deliveries d
        JOIN notification.webhook_endpoints e ON e.id = d.endpoint_id
        WHERE d.state = 'queued' AND e.state = 'enabled')
    """

  private func requireNothingWaits(_ projections: [Projection]) async throws {
    let waiting = try await admin.snapshot { try await $0.value(Self.waiting, as: Int.self) } ?? 0
    guard waiting == 0 else {
      throw Trouble(
        "\(waiting) notices and webhook deliveries wait to be sent, and would be forgotten.",
        next: [
          "Wait, or look at them: GET /admin/notifications?state=queued of the notification service"
        ])
    }
  }

  private func emptying(_ projections: [Projection]) async throws -> [SQL] {
    var statements: [SQL] = ["CREATE SCHEMA \(identifier: Self.schema)"]
    for (index, projection) in projections.enumerated() {
      statements.append(
        "CREATE TABLE \(Self.copy(index)) AS SELECT made.* FROM (\(projection.rows)) AS made")
      if projection.name == "notices" { statements.append(Self.keepReading) }
      statements += projection.emptying
    }
    for service in ServiceEntry.all {
      // The new epoch lets nobody commit who is reading just now. high_position stays: it says what
      // was told before.
      statements.append(
        """
        UPDATE \(identifier: service.schema).consumer_offsets
        SET position = 0, failures = 0, epoch = epoch + 1, lease_until = now()
        """)
    }
    return statements
  }

  private static func copy(_ index: Int) -> SQL {
    "\(identifier: schema).\(identifier: "copy_\(index)")"
  }

  private static let keepReading: SQL = """
    CREATE TABLE \(identifier: schema).reading AS
    SELECT event_id, type, channel, recipient, read_at FROM notification.notifications
    """

  /// What people had read is no event's: it is put back.
  private static let tidying: [SQL] = [
    """
    UPDATE notification.notifications n SET read_at = r.read_at FROM \(identifier: schema).reading r
    WHERE r.read_at IS NOT NULL AND (n.event_id, n.type, n.channel, n.recipient)
      = (r.event_id, r.type, r.channel, r.recipient)
    """,
    "DROP SCHEMA \(identifier: schema) CASCADE",
  ]

  private func compare(_ projections: [Projection], moving: [String]) async throws -> Report {
    try await admin.snapshot { transaction in
      var results: [Result] = []
      for (index, projection) in projections.enumerated() {
        let now = projection.rows
        let before: SQL = "SELECT * FROM \(Self.copy(index))"
        let found = try await transaction.first(
          """
          SELECT (SELECT count(*) FROM (\(before)) AS made),
            (SELECT count(*) FROM (\(before) EXCEPT ALL \(now)) AS made),
            (SELECT count(*) FROM (\(now) EXCEPT ALL \(before)) AS made)
          """
        ) { row in
          Result(
            name: projection.name, rows: try row.next(), missing: try row.next(),
            added: try row.next())
        }
        if let found { results.append(found) }
      }
      let again: Int? = try await transaction.value(
        """
        SELECT (SELECT count(*) FROM notification.notifications n
          JOIN \(identifier: Self.schema).reading r USING (event_id, type, channel, recipient)
          WHERE n.state NOT IN ('replayed', 'skipped'))
          + (SELECT count(*) FROM notification.webhook_deliveries d, \(Projection.subscribed)
            AND d.state <> 'replayed')
        """)
      return Report(results: results, sentAgain: again ?? 0, moving: moving)
    }
  }
}

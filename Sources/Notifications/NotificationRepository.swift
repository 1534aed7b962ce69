import Postgres
import ServiceKit
import SharedKernel

/// Notices in PostgreSQL.
struct NotificationRepository: NotificationStore {
  let runner: any SQLRunner

  private static let columns: SQL = """
    n.id, n.event_id, n.type, n.channel, n.recipient, n.params, n.state, n.attempts, n.read_at,
    n.sent_at, n.created_at
    """

  func insert(
    _ notice: Notice, eventID: UUID128, channels: [Notification.Channel], state: Notification.State
  ) async throws {
    let params = JSONText(try JSONEncoding.encode(notice.params))
    for channel in channels {
      try await runner.execute(
        """
        INSERT INTO notifications (id, event_id, type, channel, recipient, user_id, params, state)
        VALUES (\(UUID128.v7()), \(eventID), \(notice.type), \(channel.rawValue),
          \(notice.recipient.text), \(notice.recipient.userID), \(params), \(state.rawValue))
        ON CONFLICT ON CONSTRAINT notifications_once DO NOTHING
        """)
    }
  }

  func notifications(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> [Notification] {
    try await runner.query(
      """
      SELECT \(Self.columns) FROM notifications n
      WHERE n.user_id = \(user) AND n.channel = 'log' AND n.state = 'sent'
        AND n.id < \(Self.before(page)) AND (NOT \(unreadOnly) OR n.read_at IS NULL)
        AND (\(type)::text IS NULL OR n.type = \(type))
      ORDER BY n.id DESC LIMIT \(page.limit + 1)
      """, Notification.init(row:))
  }

  func all(state: Notification.State?, _ page: PageRequest) async throws -> [Notification] {
    try await runner.query(
      """
      SELECT \(Self.columns) FROM notifications n
      WHERE n.id < \(Self.before(page))
        AND (\(state?.rawValue)::text IS NULL OR n.state = \(state?.rawValue))
      ORDER BY n.id DESC LIMIT \(page.limit + 1)
      """, Notification.init(row:))
  }

  /// Newest first: the page begins below this id.
  private static func before(_ page: PageRequest) -> UUID128 {
    page.after.flatMap { UUID128($0.parts[0]) } ?? UUID128(high: .max, low: .max)
  }

  func setRead(_ id: ID<Notification>, of user: UserID) async throws -> Notification? {
    try await runner.first(
      """
      UPDATE notifications n SET read_at = coalesce(n.read_at, now())
      WHERE n.id = \(id) AND n.user_id = \(user) AND n.channel = 'log'
      RETURNING \(Self.columns)
      """, Notification.init(row:))
  }

  func takeDue(limit: Int, lease: Duration) async throws -> [Notification] {
    try await runner.query(
      """
      UPDATE notifications n SET attempts = n.attempts + 1,
        next_run_at = now() + make_interval(secs => \(Double(lease.components.seconds)))
      FROM (
        SELECT id FROM notifications WHERE state = 'queued' AND next_run_at <= now()
        ORDER BY next_run_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
      ) AS due
      WHERE n.id = due.id
      RETURNING \(Self.columns)
      """, Notification.init(row:))
  }

  func markSent(_ id: ID<Notification>) async throws {
    try await runner.execute(
      """
      UPDATE notifications SET state = 'sent', sent_at = now(), last_error = NULL WHERE id = \(id)
      """)
  }

  func markFailed(_ id: ID<Notification>, error: String, retryAfter: Duration?) async throws {
    let state = retryAfter == nil ? "failed" : "queued"
    let seconds = Double(retryAfter?.components.seconds ?? 0)
    try await runner.execute(
      """
      UPDATE notifications SET state = \(state), last_error = \(error),
        next_run_at = now() + make_interval(secs => \(seconds))
      WHERE id = \(id)
      """)
  }
}

extension Notification {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    eventID = try row.next()
    type = try row.next()
    channel = Channel(rawValue: try row.next()) ?? .log
    recipient = Recipient(try row.next()) ?? .staff
    params = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    state = State(rawValue: try row.next()) ?? .failed
    attempts = try row.next()
    readAt = try row.next()
    sentAt = try row.next()
    createdAt = try row.next()
  }
}

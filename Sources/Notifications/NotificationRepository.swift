import Postgres
import ServiceKit
import SharedKernel

/// Notices in PostgreSQL.
struct NotificationRepository {
  let runner: any SQLRunner

  static let columns: SQL = """
    n.id, n.event_id, n.type, n.channel, n.recipient, n.params, n.state, n.attempts, n.read_at,
    n.sent_at, n.created_at, n.locale
    """

  /// Inserts one row for each channel, once for each event, type, channel and recipient.
  ///
  /// One that the recipient switched off is `skipped`.
  ///
  /// - Parameter isReplay: the notices were made before, and are not sent again.
  func insert(
    _ notice: Notice, eventID: UUID128, channels: [Notification.Channel], isReplay: Bool
  ) async throws {
    let params = JSONText(try JSONEncoding.encode(notice.params))
    let state: Notification.State = isReplay ? .replayed : .queued
    for channel in channels {
      try await runner.send(
        """
        INSERT INTO notifications (id, event_id, type, channel, recipient, user_id, params, state,
          last_error)
        SELECT \(UUID128.v7()), \(eventID), \(notice.type), \(channel.rawValue),
          \(notice.recipient.text), \(notice.recipient.userID), \(params),
          CASE WHEN off.user_id IS NULL THEN \(state.rawValue) ELSE 'skipped' END,
          CASE WHEN off.user_id IS NOT NULL THEN 'switched off' END
        FROM (VALUES (1)) AS one LEFT JOIN preferences off
          ON off.user_id = \(notice.recipient.userID) AND off.type = \(notice.type)
          AND off.channel = \(channel.rawValue) AND NOT off.enabled
        ON CONFLICT ON CONSTRAINT notifications_once DO NOTHING
        """)
    }
  }
}

extension NotificationRepository: NotificationStore {
  private static let newestFirst = Keyset<Notification>(.descending, .init("n.id", \.id))

  func notifications(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> Page<Notification> {
    var conditions: [SQL] = [
      "n.user_id = \(user)", "n.channel = 'log'", "n.state <> 'skipped'",
    ]
    if unreadOnly { conditions.append("n.read_at IS NULL") }
    if let type { conditions.append("n.type = \(type)") }
    return try await list(page, named: "notification.list-of-user", where: conditions)
  }

  func all(_ filter: NotificationFilter, _ page: PageRequest) async throws -> Page<Notification> {
    var conditions: [SQL] = []
    if let state = filter.state { conditions.append("n.state = \(state.rawValue)") }
    if let type = filter.type { conditions.append("n.type = \(type)") }
    if let recipient = filter.recipient { conditions.append("n.recipient = \(recipient.text)") }
    return try await list(page, named: "notification.list", where: conditions)
  }

  private func list(
    _ page: PageRequest, named name: StaticString, where conditions: [SQL]
  ) async throws -> Page<Notification> {
    try await runner.page(
      page, named: name, by: Self.newestFirst, select: Self.columns, from: "notifications n",
      where: conditions, Notification.init(row:))
  }

  func setRead(_ id: ID<Notification>, of user: UserID) async throws -> Notification? {
    try await runner.first(
      """
      UPDATE notifications n SET read_at = coalesce(n.read_at, now())
      WHERE n.id = \(id) AND n.user_id = \(user) AND n.channel = 'log'
      RETURNING \(Self.columns)
      """, Notification.init(row:))
  }

  func notification(_ id: ID<Notification>) async throws -> Notification? {
    try await runner.first(
      "SELECT \(Self.columns) FROM notifications n WHERE n.id = \(id)", Notification.init(row:))
  }

  func requeue(_ id: ID<Notification>) async throws -> Notification? {
    try await runner.first(
      """
      UPDATE notifications n SET attempts = 0, next_run_at = now(), state = 'queued'
      WHERE n.id = \(id) AND n.state IN ('queued', 'failed')
      RETURNING \(Self.columns)
      """, Notification.init(row:))
  }
}

extension Notification {
  init(row: inout Row) throws {
    id = try row.next()
    eventID = try row.next()
    type = try row.next()
    let channel: String = try row.next()
    let recipient: String = try row.next()
    params = try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8))
    let state: String = try row.next()
    guard let channel = Channel(rawValue: channel) else {
      throw PostgresError.invalid("a notification is for the unknown channel \(channel)")
    }
    guard let recipient = Recipient(recipient) else {
      throw PostgresError.invalid("a notification is for an unknown kind of recipient")
    }
    guard let state = State(rawValue: state) else {
      throw PostgresError.invalid("a notification is in the unknown state \(state)")
    }
    self.channel = channel
    self.recipient = recipient
    self.state = state
    attempts = try row.next()
    readAt = try row.next()
    sentAt = try row.next()
    createdAt = try row.next()
    locale = try row.next()
  }
}

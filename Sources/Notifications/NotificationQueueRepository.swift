import Postgres
import ServiceKit
import SharedKernel

/// Notices that wait to be sent, in PostgreSQL.
struct NotificationQueueRepository: DeliveryQueue {
  let database: Database
  let outbox: Outbox

  /// What is for a channel that only a later version of this program knows is left to that.
  func takeDue(limit: Int, lease: Duration) async throws -> [Notification] {
    try await database.query(
      """
      WITH due AS MATERIALIZED (
        SELECT id FROM notifications WHERE state = 'queued' AND next_run_at <= now()
          AND channel = ANY(\(Notification.Channel.allCases.map(\.rawValue)))
        ORDER BY next_run_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
      )
      UPDATE notifications n SET attempts = n.attempts + 1,
        next_run_at = now() + make_interval(secs => \(Double(lease.components.seconds)))
      FROM due WHERE n.id = due.id
      RETURNING \(NotificationRepository.columns)
      """, Notification.init(row:))
  }

  func giveBack(_ notification: Notification) async throws {
    try await database.execute(
      """
      UPDATE notifications SET next_run_at = now(), attempts = attempts - 1
      WHERE id = \(notification.id) AND state = 'queued' AND attempts = \(notification.attempts)
      """)
  }

  func settle(_ notification: Notification, _ outcome: DeliveryOutcome) async throws {
    let (state, reason, wait): (Notification.State, String?, Duration?) =
      switch outcome {
      case .sent: (.sent, nil, nil)
      case .skipped(let reason): (.skipped, reason, nil)
      case .failed(let reason, retryAfter: nil): (.failed, reason, nil)
      case .failed(let reason, let wait): (.queued, reason, wait)
      }
    let seconds = Double(wait?.components.seconds ?? 0)
    let settling: SQL = """
      UPDATE notifications SET state = \(state.rawValue), last_error = \(reason),
        sent_at = CASE WHEN \(state == .sent) THEN now() END, version = version + 1,
        next_run_at = now() + make_interval(secs => \(seconds))
      WHERE id = \(notification.id) AND state = 'queued' AND attempts = \(notification.attempts)
      RETURNING version
      """
    // What stays in this house is told to nobody.
    guard notification.channel != .log, state == .sent || state == .failed else {
      try await database.execute(settling)
      return
    }
    struct Data: Encodable {
      let notificationId: ID<Notification>
      let eventId: UUID128
      let type: String
      let channel: Notification.Channel
      let attempts: Int
    }
    try await database.transaction { transaction in
      guard let version: Int = try await transaction.value(settling) else { return }
      try await outbox.append(
        EventDraft(
          type: state == .sent ? "notification.sent" : "notification.failed",
          subject: "\(notification.id)", version: version,
          data: Data(
            notificationId: notification.id, eventId: notification.eventID,
            type: notification.type, channel: notification.channel,
            attempts: notification.attempts)), in: transaction)
    }
  }
}

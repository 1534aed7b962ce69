import Postgres

/// What a service has made of other services' events alone, so that reading their feeds again makes
/// it anew.
struct Projection: Sendable {
  let name: String
  /// What must be there: `schema.table`. Without one of them there is nothing to make anew.
  let tables: [String]
  /// Selects its rows, of what the events say alone: not when somebody read them, nor how they were
  /// sent.
  let rows: SQL
  /// Removes them.
  let emptying: [SQL]

  static let all = [notices, deliveries, figures, deletedUsers]

  private static let events = SQL.joined(
    ServiceEntry.all.map { service -> SQL in
      "SELECT event_id, created_at FROM \(identifier: service.schema).outbox"
    }, separator: " UNION ALL ")

  private static let notices = Projection(
    name: "notices", tables: ["notification.notifications"],
    rows: """
      SELECT event_id::text, type, channel, recipient, user_id::text, params::text
      FROM notification.notifications
      """,
    emptying: ["DELETE FROM notification.notifications"])

  /// Those that would be made today: of endpoints that are enabled, of events since they
  /// subscribed.
  static let subscribed: SQL = """
    notification.webhook_endpoints e, (\(events)) AS event
    WHERE e.id = d.endpoint_id AND event.event_id = d.event_id AND e.state = 'enabled'
      AND d.type = ANY(e.types) AND date_trunc('milliseconds', event.created_at) >= e.subscribed_at
    """

  private static let deliveries = Projection(
    name: "webhook deliveries",
    tables: ["notification.webhook_deliveries", "notification.webhook_endpoints"],
    rows: """
      SELECT d.endpoint_id::text, d.event_id::text, d.type, d.body
      FROM notification.webhook_deliveries d, \(subscribed)
      """,
    emptying: ["DELETE FROM notification.webhook_deliveries d USING \(subscribed)"])

  private static let figures = Projection(
    name: "orders' figures of payments", tables: ["orders.orders"],
    rows: """
      SELECT id::text, authorized::text, captured::text, refunded::text, payment_voided::text,
        payment_version::text
      FROM orders.orders
      """,
    emptying: [
      """
      UPDATE orders.orders SET authorized = 0, captured = 0, refunded = 0, payment_voided = false,
        payment_version = 0
      """
    ])

  private static let deletedUsers = Projection(
    name: "deleted accounts", tables: ["orders.deleted_users"],
    rows: "SELECT user_id::text FROM orders.deleted_users",
    emptying: ["DELETE FROM orders.deleted_users"])
}

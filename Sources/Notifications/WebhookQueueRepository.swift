import Postgres
import ServiceKit
import SharedKernel

/// Deliveries that wait, in PostgreSQL.
struct WebhookQueueRepository: WebhookQueue {
  let database: Database
  let outbox: Outbox

  func takeDue(_ wanted: DueWebhooks, lease: Duration) async throws -> [DueWebhook] {
    let underWay = Array(wanted.underWay)
    return try await database.query(
      """
      WITH turns AS MATERIALIZED (
        SELECT e.id, \(Int64(wanted.perEndpointMax)) - coalesce(busy.count, 0) AS room
        FROM webhook_endpoints e
          LEFT JOIN unnest(\(underWay.map(\.key)), \(underWay.map { Int64($0.value) }))
            AS busy (id, count) ON busy.id = e.id
        WHERE (e.failing_since IS NOT NULL) = \(wanted.areFailing)
          AND coalesce(busy.count, 0) < \(Int64(wanted.perEndpointMax))
          AND EXISTS (SELECT FROM webhook_deliveries d
            WHERE d.endpoint_id = e.id AND d.state = 'queued' AND d.next_run_at <= now())
        ORDER BY random() LIMIT \(wanted.limit)
      ), due AS MATERIALIZED (
        SELECT first.id FROM turns CROSS JOIN LATERAL (
          SELECT id FROM webhook_deliveries
          WHERE endpoint_id = turns.id AND state = 'queued' AND next_run_at <= now()
          ORDER BY next_run_at LIMIT turns.room FOR UPDATE SKIP LOCKED
        ) AS first LIMIT \(wanted.limit)
      )
      UPDATE webhook_deliveries d SET attempts = d.attempts + 1,
        next_run_at = now() + make_interval(secs => \(Double(lease.components.seconds)))
      FROM due, webhook_endpoints e WHERE d.id = due.id AND e.id = d.endpoint_id
      RETURNING d.id, d.endpoint_id, d.event_id, e.url, e.secret,
        CASE WHEN e.previous_secret_until > now() THEN e.previous_secret END, d.body, d.attempts
      """
    ) { row in
      DueWebhook(
        id: try row.next(), endpointID: try row.next(), eventID: try row.next(),
        url: try row.next(),
        secrets: [try row.next(as: [UInt8].self)]
          + (try row.next(as: [UInt8]?.self).map { [$0] } ?? []),
        body: try row.next(), attempts: try row.next())
    }
  }

  func giveBack(_ delivery: DueWebhook) async throws {
    try await database.execute(
      """
      UPDATE webhook_deliveries SET next_run_at = now(), attempts = attempts - 1
      WHERE id = \(delivery.id) AND state = 'queued' AND attempts = \(delivery.attempts)
      """)
  }

  func settle(_ delivery: DueWebhook, _ answer: WebhookAnswer) async throws {
    let outbox = outbox
    try await database.transaction { transaction in
      // The endpoint before its deliveries, here as everywhere: two that end at once must not wait
      // for one another.
      let disabled = try await note(answer, of: delivery, in: transaction)
      let state: WebhookDelivery.State =
        answer.isTaken ? .sent : answer.retryAfter == nil ? .failed : .queued
      let seconds = Double(answer.retryAfter?.components.seconds ?? 0)
      try await transaction.send(
        """
        UPDATE webhook_deliveries SET state = \(state.rawValue), last_status = \(answer.status),
          last_body = \(answer.body), last_error = \(answer.error),
          sent_at = CASE WHEN \(answer.isTaken) THEN now() ELSE sent_at END,
          next_run_at = now() + make_interval(secs => \(seconds))
        WHERE id = \(delivery.id) AND state = 'queued' AND attempts = \(delivery.attempts)
        """)
      guard let disabled else { return }
      try await transaction.send(
        """
        UPDATE webhook_deliveries SET state = 'failed',
          last_error = coalesce(last_error, 'the endpoint was disabled')
        WHERE endpoint_id = \(delivery.endpointID) AND state = 'queued'
        """)
      struct Data: Encodable {
        let endpointId: ID<WebhookEndpoint>
        let reason: String
      }
      try await outbox.append(
        EventDraft(
          type: "webhook.disabled", subject: "\(delivery.endpointID)", version: disabled,
          data: Data(
            endpointId: delivery.endpointID, reason: answer.isGone ? "gone" : "failing")),
        in: transaction)
    }
  }

  /// Notes with the endpoint whether it works.
  ///
  /// - Returns: its version when it was disabled by this; nil otherwise, and when a later try of
  ///   the delivery has been begun.
  private func note(
    _ answer: WebhookAnswer, of delivery: DueWebhook, in transaction: Transaction
  ) async throws -> Int? {
    let isCurrent: SQL = """
      EXISTS (SELECT FROM webhook_deliveries d WHERE d.id = \(delivery.id) AND d.state = 'queued'
        AND d.attempts = \(delivery.attempts))
      """
    if answer.isTaken {
      try await transaction.send(
        """
        UPDATE webhook_endpoints e SET failing_since = NULL
        WHERE id = \(delivery.endpointID) AND failing_since IS NOT NULL AND \(isCurrent)
        """)
      return nil
    }
    let daysMax = Double(WebhookDelivery.failingMax.components.seconds)
    return try await transaction.first(
      """
      WITH seen AS (
        SELECT id, \(answer.isGone)
          OR coalesce(failing_since <= now() - make_interval(secs => \(daysMax)), false) AS is_over
        FROM webhook_endpoints e
        WHERE id = \(delivery.endpointID) AND state = 'enabled' AND \(isCurrent) FOR UPDATE
      )
      UPDATE webhook_endpoints e SET failing_since = coalesce(failing_since, now()),
        state = CASE WHEN is_over THEN 'disabled' ELSE state END,
        version = version + CASE WHEN is_over THEN 1 ELSE 0 END
      FROM seen WHERE e.id = seen.id RETURNING is_over, version
      """
    ) { row -> Int? in
      let isOver: Bool = try row.next()
      let version: Int = try row.next()
      return isOver ? version : nil
    } ?? nil
  }
}

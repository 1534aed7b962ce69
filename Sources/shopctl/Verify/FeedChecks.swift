import Postgres

/// The same statement for each service's schema, put together.
///
/// - Parameter statement: given the schema's name as a text and as an identifier.
private func inEachSchema(_ statement: (_ name: SQL, _ schema: SQL) -> SQL) -> SQL {
  .joined(
    ServiceEntry.all.map { statement("\($0.schema)::text", "\(identifier: $0.schema)") },
    separator: " UNION ALL ")
}

/// Adds up a count over the schemas.
private func sumOverSchemas(_ counted: (_ schema: SQL) -> SQL) -> SQL {
  "SELECT sum(n)::int8 FROM (\(inEachSchema { _, schema in counted(schema) })) AS counted (n)"
}

private func tables(_ name: String) -> [String] {
  ServiceEntry.all.map { "\($0.schema).\(name)" }
}

/// True where the order service has read all that the payment service has told.
private let ordersKnowAllPayments: SQL = """
  NOT EXISTS (SELECT FROM payment.outbox WHERE position IS NULL)
    AND (SELECT position FROM payment.feed_head) <= coalesce(
      (SELECT position FROM orders.consumer_offsets WHERE source = 'payment-service'), 0)
  """

/// The event of a step in an order's history; NULL where the contract has none for it.
private let eventOfStep: SQL = """
  CASE WHEN from_state IS NULL THEN 'order.created'
    WHEN from_state = 'confirmed' AND to_state = 'cancelling' THEN 'order.cancellation_requested'
    WHEN to_state IN ('awaiting_payment', 'confirmed', 'cancelled') THEN 'order.' || to_state
  END
  """

/// I8: what the services tell one another.
let feedChecks = [
  Check(
    "I8", "each feed's positions are 1 to its head, each once",
    tables: tables("outbox") + tables("feed_head"),
    rows: sumOverSchemas { "SELECT count(*) FROM \($0).outbox" },
    violations: inEachSchema { name, schema in
      """
      SELECT format('%s: head %s, %s numbered events of %s places, the last %s', \(name),
          head.position, count(event.position), count(DISTINCT event.position),
          coalesce(max(event.position), 0)),
        format('SELECT position, count(*) FROM %s.outbox GROUP BY 1 ORDER BY 1;', \(name))
      FROM \(schema).feed_head AS head LEFT JOIN \(schema).outbox AS event
        ON event.position IS NOT NULL
      GROUP BY head.position
      HAVING count(event.position) <> head.position
        OR count(DISTINCT event.position) <> head.position
        OR coalesce(max(event.position), 0) <> head.position
        OR coalesce(min(event.position), 1) <> 1
      """
    }),
  Check(
    "I8", "an aggregate's versions rise from event to event",
    tables: tables("outbox"),
    rows: sumOverSchemas { "SELECT count(DISTINCT subject) FROM \($0).outbox" },
    violations: inEachSchema { name, schema in
      """
      SELECT format('%s: %s of %s at position %s has version %s behind %s', \(name), type,
          subject, position, version, earlier),
        format('SELECT position, type, version FROM %s.outbox WHERE subject = %L ORDER BY 1;',
          \(name), subject)
      FROM (
        SELECT type, subject, position, version, lag(version) OVER (
          PARTITION BY split_part(type, '.', 1), subject ORDER BY position) AS earlier
        FROM \(schema).outbox WHERE position IS NOT NULL
      ) AS event
      WHERE version <= earlier
      """
    }),
  Check(
    "I8", "each step of an order that has an event has told it once, and no other is told",
    tables: ["orders.orders", "orders.order_history", "orders.outbox"],
    rows: "SELECT count(*) FROM orders.order_history WHERE (\(eventOfStep)) IS NOT NULL",
    violations: """
      SELECT format('order %s: %s times %s, told %s times', coalesce(o.number::text, subject),
          coalesce(step.times, 0), type, coalesce(told.times, 0)),
        format('./shop order %s', o.number)
      FROM (
        SELECT order_id::text AS subject, \(eventOfStep) AS type, count(*) AS times
        FROM orders.order_history WHERE (\(eventOfStep)) IS NOT NULL GROUP BY 1, 2
      ) AS step FULL JOIN (
        SELECT subject, type, count(*) AS times FROM orders.outbox
        WHERE type IN ('order.created', 'order.awaiting_payment', 'order.confirmed',
          'order.cancellation_requested', 'order.cancelled')
        GROUP BY subject, type
      ) AS told USING (subject, type) LEFT JOIN orders.orders o ON o.id::text = subject
      WHERE told.times IS DISTINCT FROM step.times ORDER BY o.number, type
      """),
  Check(
    "I8", "an order's history ends in its state",
    tables: ["orders.orders", "orders.order_history"],
    rows: "SELECT count(*) FROM orders.orders",
    violations: """
      SELECT format('order %s: %s, its history ends in %s', o.number, o.state,
          coalesce(h.to_state, 'nothing')),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN LATERAL (
        SELECT to_state FROM orders.order_history WHERE order_id = o.id ORDER BY id DESC LIMIT 1
      ) AS h ON true
      WHERE h.to_state IS DISTINCT FROM o.state ORDER BY o.number
      """),
  Check(
    "I8", "once orders have read all of payments' feed, they show the payments' figures",
    tables: ["orders.orders", "orders.consumer_offsets", "payment.payments", "payment.outbox"],
    rows: """
      SELECT count(*) FROM orders.orders o JOIN payment.payments p ON p.id = o.payment_id
      WHERE \(ordersKnowAllPayments)
      """,
    violations: """
      SELECT format('order %s: authorised %s, captured %s, refunded %s; its payment %s, %s, %s',
          o.number, o.authorized, o.captured, o.refunded, p.authorized, p.captured, p.refunded),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN payment.payments p ON p.id = o.payment_id
      WHERE \(ordersKnowAllPayments) AND (o.authorized, o.captured, o.refunded)
        IS DISTINCT FROM (p.authorized, p.captured, p.refunded)
      ORDER BY o.number
      """),
]

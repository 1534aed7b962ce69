import Postgres

/// What is still to be read: for each reader of a feed its source, where it is, where the feed ends, and how
/// many events between are of the types that it reads. (It passes the others when its poll ends.)
private let places = SQL.joined(
  Check.readers.compactMap { reader, source -> (ServiceEntry, ServiceEntry)? in
    guard let reader = ServiceEntry.all.first(where: { $0.short == reader }),
      let source = ServiceEntry.all.first(where: { $0.short == source })
    else { return nil }
    return (reader, source)
  }.map { reader, source -> SQL in
    """
    SELECT \(reader.schema)::text AS reader, \(source.schema)::text AS source,
      coalesce(place.position, 0) AS position, head.position AS head,
      (SELECT count(*) FROM \(identifier: source.schema).outbox AS event
        WHERE event.position > coalesce(place.position, 0)
          AND (place.types IS NULL OR event.type = ANY(place.types))) AS unread
    FROM \(identifier: source.schema).feed_head AS head
    LEFT JOIN \(identifier: reader.schema).consumer_offsets AS place ON place.source = \(source.name)
    """
  }, separator: " UNION ALL ")

private let unnumbered = SQL.joined(
  ServiceEntry.all.map { service -> SQL in
    """
    SELECT \(service.schema)::text AS source, count(*) AS events
    FROM \(identifier: service.schema).outbox WHERE position IS NULL
    """
  }, separator: " UNION ALL ")

/// I11: whether everything is at rest. These do not hold while somebody buys; `verify --wait` waits.
let restChecks = [
  Check(
    "I11", "an order that moves has one running saga of its own, others at most one that follows",
    tables: ["orders.orders", "orders.sagas"],
    rows: "SELECT count(*) FROM orders.orders",
    violations: """
      SELECT format('order %s: %s with %s running sagas of its own, %s that follow', o.number,
          o.state, count(s.id) FILTER (WHERE s.kind IN ('checkout', 'cancel')),
          count(s.id) FILTER (WHERE s.kind IN ('ship', 'refund'))),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN orders.sagas s ON s.order_id = o.id AND s.state = 'running'
      GROUP BY o.id HAVING count(s.id) > 1
        OR count(s.id) FILTER (WHERE s.kind IN ('checkout', 'cancel')) <> CASE
          WHEN o.state IN ('pending', 'awaiting_payment', 'cancelling') THEN 1 ELSE 0 END
        OR (count(s.id) FILTER (WHERE s.kind IN ('ship', 'refund')) > 0
          AND o.state NOT IN \(Check.confirmed))
      ORDER BY o.number
      """),
  Check(
    "I11", "at rest no saga is unfinished",
    tables: ["orders.orders", "orders.sagas"],
    rows: "SELECT count(*) FROM orders.sagas",
    violations: """
      SELECT format('order %s: its %s saga is at %s, %s attempts%s', o.number, s.kind, s.step,
          s.attempts, coalesce(', ' || s.last_error, '')),
        format('./shop order %s', o.number)
      FROM orders.sagas s JOIN orders.orders o ON o.id = s.order_id
      WHERE s.state = 'running' ORDER BY o.number
      """),
  Check(
    "I11", "at rest no operation of a payment is pending, and none is being cancelled",
    tables: ["payment.payments", "payment.payment_operations"],
    rows: "SELECT count(*) FROM payment.payment_operations",
    violations: """
      SELECT format('%s of payment %s is pending, asked %s times', kind, payment_id, attempts),
        format('SELECT * FROM payment.payment_operations WHERE payment_id = %L ORDER BY created_at;',
          payment_id)
      FROM payment.payment_operations WHERE state = 'pending'
      UNION ALL
      SELECT format('payment %s is being cancelled', id),
        format('SELECT * FROM payment.payment_operations WHERE payment_id = %L ORDER BY created_at;', id)
      FROM payment.payments WHERE state = 'cancelling'
      """),
  Check(
    "I11", "at rest no hold outlives its time",
    tables: ["product.reservations"],
    rows: "SELECT count(*) FROM product.reservations WHERE state = 'held'",
    violations: """
      SELECT format('order %s holds stock since before %s', order_id, expires_at),
        format('SELECT * FROM product.reservation_lines WHERE order_id = %L;', order_id)
      FROM product.reservations WHERE state = 'held' AND expires_at < now() - interval '10 s'
      ORDER BY expires_at
      """),
  Check(
    "I11", "at rest every event has its place, and every reader has read it",
    tables: ServiceEntry.all.flatMap {
      ["\($0.schema).outbox", "\($0.schema).feed_head", "\($0.schema).consumer_offsets"]
    },
    rows: "SELECT count(*) FROM (\(places)) AS place",
    violations: """
      SELECT format('%s has %s events of %s unread, and is at %s of %s', reader, unread, source,
          position, head),
        format('SELECT * FROM %s.consumer_offsets;', reader)
      FROM (\(places)) AS place WHERE unread > 0 OR position > head
      UNION ALL
      SELECT format('%s events of %s have no place yet', events, source),
        format('SELECT * FROM %s.outbox WHERE position IS NULL;', source)
      FROM (\(unnumbered)) AS waiting WHERE events > 0
      """),
]

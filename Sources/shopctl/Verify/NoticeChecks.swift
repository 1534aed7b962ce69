import Postgres

/// The events that people should have been told of: read by the notification service, of a type that
/// the contract lists.
private let noticedEvents = SQL.joined(
  ["order", "payment", "product", "user"].compactMap { short in
    ServiceEntry.all.first { $0.short == short }
  }.map { source -> SQL in
    """
    SELECT event_id, type, subject, position, \(source.name)::text AS source
    FROM \(identifier: source.schema).outbox
    WHERE type = ANY(\(Check.noticedTypes[source.short] ?? [])) AND position <= (
      SELECT position FROM notification.consumer_offsets WHERE source = \(source.name))
    """
  }, separator: " UNION ALL ")

/// The events that an endpoint should have been told of: read, and told after it subscribed. What
/// was being subscribed to just then may have been read before.
private let subscribedEvents = SQL.joined(
  ["order", "payment", "product", "user"].compactMap { short in
    ServiceEntry.all.first { $0.short == short }
  }.map { source -> SQL in
    """
    SELECT event_id, type, subject, position, \(source.name)::text AS source, e.id AS endpoint_id,
      e.url
    FROM \(identifier: source.schema).outbox
    JOIN notification.webhook_endpoints e ON e.state = 'enabled' AND type = ANY(e.types)
      AND outbox.created_at > e.subscribed_at + interval '10 seconds'
    WHERE position <= (
      SELECT position FROM notification.consumer_offsets WHERE source = \(source.name))
    """
  }, separator: " UNION ALL ")

private let deadLetters = SQL.joined(
  ServiceEntry.all.map { reader -> SQL in
    """
    SELECT \(reader.schema)::text AS reader, source, position, error
    FROM \(identifier: reader.schema).dead_letters
    """
  }, separator: " UNION ALL ")

/// I9: what people are told.
let noticeChecks = [
  Check(
    "I9", "each event that people are told of has its notice",
    tables: [
      "notification.notifications", "notification.consumer_offsets", "orders.outbox",
      "payment.outbox", "product.outbox", "users.outbox",
    ],
    rows: "SELECT count(*) FROM (\(noticedEvents)) AS event",
    violations: """
      SELECT format('%s of %s at position %s of %s: no notice', event.type, event.subject,
          event.position, event.source),
        format('SELECT * FROM notification.notifications WHERE event_id = %L;', event.event_id)
      FROM (\(noticedEvents)) AS event
      WHERE NOT EXISTS (SELECT FROM notification.notifications n
        WHERE n.event_id = event.event_id AND n.type = event.type AND n.channel = 'log')
        AND NOT EXISTS (SELECT FROM notification.dead_letters d
          WHERE d.source = event.source AND d.position = event.position)
      ORDER BY event.source, event.position
      """),
  Check(
    "I9", "nobody is told of an event twice in one way",
    tables: ["notification.notifications"],
    rows: "SELECT count(*) FROM notification.notifications",
    violations: """
      SELECT format('%s by %s: %s notices of event %s to one recipient', type, channel, count(*),
          event_id),
        format('SELECT * FROM notification.notifications WHERE event_id = %L;', event_id)
      FROM notification.notifications GROUP BY event_id, type, channel, recipient
      HAVING count(*) > 1 ORDER BY event_id
      """),
  Check(
    "I9", "no event was put aside as unreadable",
    tables: ServiceEntry.all.map { "\($0.schema).dead_letters" },
    rows: "SELECT count(*) FROM (\(deadLetters)) AS letter",
    violations: """
      SELECT format('%s could not take position %s of %s: %s', reader, position, source, left(error, 200)),
        format('SELECT * FROM %s.dead_letters WHERE source = %L AND position = %s;', reader, source,
          position)
      FROM (\(deadLetters)) AS letter ORDER BY reader, source, position
      """),
  Check(
    "I9", "each event that an endpoint of a merchant asked for has its delivery",
    tables: [
      "notification.webhook_endpoints", "notification.webhook_deliveries",
      "notification.consumer_offsets", "orders.outbox", "payment.outbox", "product.outbox",
      "users.outbox",
    ],
    rows: "SELECT count(*) FROM (\(subscribedEvents)) AS event",
    violations: """
      SELECT format('%s of %s at position %s of %s: no delivery to %s', event.type, event.subject,
          event.position, event.source, event.url),
        format('SELECT * FROM notification.webhook_deliveries WHERE event_id = %L;', event.event_id)
      FROM (\(subscribedEvents)) AS event
      WHERE NOT EXISTS (SELECT FROM notification.webhook_deliveries d
        WHERE d.endpoint_id = event.endpoint_id AND d.event_id = event.event_id)
        AND NOT EXISTS (SELECT FROM notification.dead_letters d
          WHERE d.source = event.source AND d.position = event.position)
      ORDER BY event.source, event.position
      """),
  Check(
    "I9", "each event goes to an endpoint of a merchant once",
    tables: ["notification.webhook_deliveries"],
    rows: "SELECT count(*) FROM notification.webhook_deliveries",
    violations: """
      SELECT format('%s: %s deliveries of event %s to one endpoint', min(type), count(*), event_id),
        format('SELECT * FROM notification.webhook_deliveries WHERE event_id = %L;', event_id)
      FROM notification.webhook_deliveries GROUP BY endpoint_id, event_id HAVING count(*) > 1
      ORDER BY event_id
      """),
  Check(
    "I9", "nothing waits for an endpoint that is disabled",
    tables: ["notification.webhook_endpoints", "notification.webhook_deliveries"],
    rows: "SELECT count(*) FROM notification.webhook_endpoints",
    violations: """
      SELECT format('%s deliveries wait for %s', count(*), e.url),
        format('SELECT * FROM notification.webhook_deliveries WHERE endpoint_id = %L;', e.id)
      FROM notification.webhook_endpoints e
      JOIN notification.webhook_deliveries d ON d.endpoint_id = e.id
      WHERE e.state = 'disabled' AND d.state = 'queued' GROUP BY e.id
      """),
  Check(
    "I9", "a notice that was switched off is none that cannot be",
    tables: ["notification.preferences"],
    rows: "SELECT count(*) FROM notification.preferences",
    violations: """
      SELECT format('user %s switched off %s by %s', user_id, type, channel),
        format('SELECT * FROM notification.preferences WHERE user_id = %L;', user_id)
      FROM notification.preferences
      WHERE NOT enabled AND (type = 'order.confirmed' OR type LIKE 'user.%')
      """),
]

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
    "I9", "each event goes to an endpoint of a merchant once",
    awaiting: "notification.webhook_deliveries"),
]

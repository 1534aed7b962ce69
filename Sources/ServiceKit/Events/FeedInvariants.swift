import Postgres

/// What must hold of every service's outbox.
let feedInvariants = [
  Invariant(
    "I8", "the feed's positions are 1 to its head, each once",
    violations: """
      SELECT 'head ' || head.position || ', ' || count(event.position) || ' numbered events, the last '
        || coalesce(max(event.position), 0)
      FROM feed_head AS head LEFT JOIN outbox AS event ON event.position IS NOT NULL
      GROUP BY head.position
      HAVING count(event.position) <> head.position
        OR coalesce(max(event.position), 0) <> head.position
      """),
  Invariant(
    "I8", "an aggregate's versions rise from event to event",
    violations: """
      SELECT type || ' of ' || subject || ' at position ' || position || ': version ' || version
        || ' behind ' || earlier
      FROM (
        SELECT type, subject, position, version, lag(version) OVER (
          PARTITION BY split_part(type, '.', 1), subject ORDER BY position) AS earlier
        FROM outbox WHERE position IS NOT NULL
      ) AS event
      WHERE version <= earlier ORDER BY position LIMIT 20
      """),
]

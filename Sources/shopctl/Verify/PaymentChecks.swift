/// I6: the ledger, the payments it is about, and the provider's own records.
let paymentChecks = [
  Check(
    "I6", "every journal has entries, and they sum to zero",
    tables: ["payment.ledger_journals", "payment.ledger_entries", "payment.ledger_accounts"],
    rows: "SELECT count(*) FROM payment.ledger_entries",
    violations: """
      SELECT format('journal %s (%s): %s entries, sum %s', j.id, j.kind, count(e.amount),
          coalesce(sum(e.amount), 0)),
        format('SELECT * FROM payment.ledger_entries WHERE journal_id = %L;', j.id)
      FROM payment.ledger_journals j LEFT JOIN payment.ledger_entries e ON e.journal_id = j.id
        LEFT JOIN payment.ledger_accounts a ON a.id = e.account_id
      GROUP BY j.id, a.currency HAVING count(e.amount) = 0 OR sum(e.amount) <> 0 ORDER BY j.id
      """),
  Check(
    "I6", "the ledger shows for each payment what the payment shows",
    tables: ["payment.payments", "payment.ledger_entries", "payment.ledger_accounts"],
    rows: "SELECT count(*) FROM payment.payments",
    violations: """
      SELECT format('payment %s: authorised %s, captured %s, refunded %s; ledger: held %s, kept %s',
          p.id, p.authorized, p.captured, p.refunded, coalesce(l.held, 0), coalesce(l.kept, 0)),
        format('SELECT * FROM payment.ledger_journals j JOIN payment.ledger_entries e'
          ' ON e.journal_id = j.id WHERE payment_id = %L ORDER BY at, line;', p.id)
      FROM payment.payments p LEFT JOIN (
        SELECT j.payment_id, sum(e.amount) FILTER (WHERE a.code = 'auth_hold') AS held,
          sum(e.amount) FILTER (WHERE a.code = 'provider_clearing') AS kept
        FROM payment.ledger_journals j JOIN payment.ledger_entries e ON e.journal_id = j.id
          JOIN payment.ledger_accounts a ON a.id = e.account_id
        GROUP BY j.payment_id
      ) AS l ON l.payment_id = p.id
      WHERE coalesce(l.held, 0) <> p.authorized - p.captured
        OR coalesce(l.kept, 0) <> p.captured - p.refunded
      ORDER BY p.id
      """),
  Check(
    "I6", "the accounts' balances are the sums of the payments",
    tables: ["payment.payments", "payment.ledger_entries", "payment.ledger_accounts"],
    rows: "SELECT count(*) FROM payment.ledger_accounts",
    violations: """
      SELECT format('%s %s: balance %s, payments mean %s', a.code, a.currency, a.balance, a.meant),
        format('SELECT * FROM payment.ledger_entries WHERE account_id = %s;', a.id)
      FROM (
        SELECT account.id, account.code, account.currency,
          coalesce((SELECT sum(amount) FROM payment.ledger_entries
            WHERE account_id = account.id), 0) AS balance,
          coalesce(CASE account.code
            WHEN 'auth_hold' THEN p.held WHEN 'auth_hold_contra' THEN -p.held
            WHEN 'provider_clearing' THEN p.kept ELSE -p.kept END, 0) AS meant
        FROM payment.ledger_accounts account LEFT JOIN (
          SELECT currency, sum(authorized - captured) AS held, sum(captured - refunded) AS kept
          FROM payment.payments GROUP BY currency
        ) AS p ON p.currency = account.currency
      ) AS a
      WHERE a.balance <> a.meant ORDER BY a.id
      """),
  Check(
    "I6", "each operation that succeeded is booked once, no other is",
    tables: ["payment.payment_operations", "payment.ledger_journals"],
    rows: "SELECT count(*) FROM payment.payment_operations WHERE state = 'succeeded'",
    violations: """
      SELECT format('%s %s: %s, booked %s times', coalesce(o.kind, j.kind),
          coalesce(o.id, j.operation_id), coalesce(o.state, 'no such operation'),
          coalesce(j.times, 0)),
        format('SELECT * FROM payment.payment_operations WHERE payment_id = %L ORDER BY created_at;',
          coalesce(o.payment_id, j.payment_id))
      FROM payment.payment_operations o FULL JOIN (
        SELECT operation_id, kind, payment_id, count(*) AS times FROM payment.ledger_journals
        GROUP BY operation_id, kind, payment_id
      ) AS j ON j.operation_id = o.id AND j.kind = o.kind
      -- The void of what still waited for the customer moves nothing.
      WHERE (o.state = 'succeeded' AND o.kind <> 'void' AND j.times IS DISTINCT FROM 1)
        OR (j.times IS NOT NULL AND (o.state IS DISTINCT FROM 'succeeded' OR j.times <> 1))
      ORDER BY 1
      """),
  Check(
    "I6", "the provider's charges are what the payments show",
    tables: ["payment.payments", "payment.payment_operations", "sim.charges"],
    rows: "SELECT count(*) FROM sim.charges",
    violations: """
      SELECT format('payment %s: held %s, captured %s, refunded %s; its charge is %s: held %s, '
          'captured %s, refunded %s', coalesce(ours.id::text, 'unknown'), ours.held, ours.captured,
          ours.refunded, coalesce(theirs.state, 'missing'), theirs.held, theirs.captured,
          theirs.refunded),
        format('SELECT * FROM sim.keys WHERE authorization_id = %L ORDER BY created_at;',
          coalesce(ours.authorization_id, theirs.authorization_id))
      FROM (
        SELECT p.id, a.id AS authorization_id, p.authorized - p.captured AS held, p.captured,
          p.refunded, EXISTS (SELECT FROM payment.payment_operations o
            WHERE o.payment_id = p.id AND o.state = 'pending') AS is_open
        FROM payment.payments p JOIN payment.payment_operations a
          ON a.payment_id = p.id AND a.kind = 'authorize'
      ) AS ours FULL JOIN (
        SELECT authorization_id, state, captured, refunded,
          CASE state WHEN 'authorized' THEN amount - captured ELSE 0 END AS held
        FROM sim.charges
      ) AS theirs ON theirs.authorization_id = ours.authorization_id
      WHERE ours.id IS NULL OR (NOT ours.is_open AND (ours.held <> coalesce(theirs.held, 0)
        OR ours.captured <> coalesce(theirs.captured, 0)
        OR ours.refunded <> coalesce(theirs.refunded, 0)))
      ORDER BY ours.id
      """),
  Check(
    "I6", "the provider is asked under the ids of operations alone",
    tables: ["payment.payment_operations", "sim.keys"],
    rows: "SELECT count(*) FROM sim.keys",
    violations: """
      SELECT format('%s of %s under %s, which is no such operation', k.kind, k.amount, k.key),
        format('SELECT * FROM sim.keys WHERE authorization_id = %L;', k.authorization_id)
      FROM sim.keys k LEFT JOIN payment.payment_operations o ON o.id = k.key AND o.kind = k.kind
      WHERE o.id IS NULL ORDER BY k.created_at
      """),
]

import ServiceKit

/// What must hold in the schema `payment` (contract, section 8: I6, and I11 at rest).
let paymentInvariants: [Invariant] = [
  Invariant(
    "I6", "Every journal sums to zero.",
    violations: """
      SELECT 'journal ' || e.journal_id::text || ' sums to ' || sum(e.amount)::text
      FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
      GROUP BY e.journal_id, a.currency HAVING sum(e.amount) <> 0 LIMIT 21
      """),
  Invariant(
    "I6", "The ledger shows for each payment what the payment shows.",
    violations: """
      SELECT 'payment ' || p.id::text
      FROM payments p LEFT JOIN (
        SELECT j.payment_id,
          coalesce(sum(e.amount) FILTER (WHERE a.code = 'auth_hold'), 0) AS hold,
          coalesce(sum(e.amount) FILTER (WHERE a.code = 'provider_clearing'), 0) AS clearing
        FROM ledger_journals j JOIN ledger_entries e ON e.journal_id = j.id
          JOIN ledger_accounts a ON a.id = e.account_id
        GROUP BY j.payment_id
      ) l ON l.payment_id = p.id
      WHERE coalesce(l.hold, 0) <> p.authorized - p.captured
        OR coalesce(l.clearing, 0) <> p.captured - p.refunded
      LIMIT 21
      """),
  Invariant(
    "I4", "A cancelled payment holds and keeps nothing.",
    violations: """
      SELECT 'payment ' || id::text FROM payments
      WHERE state = 'cancelled' AND (authorized > captured OR captured > refunded) LIMIT 21
      """),
  Invariant(
    "I11", "At rest no operation is pending and no payment is being cancelled.",
    violations: """
      SELECT kind || ' ' || id::text FROM payment_operations WHERE state = 'pending'
      UNION ALL SELECT 'cancelling ' || id::text FROM payments WHERE state = 'cancelling'
      LIMIT 21
      """),
]

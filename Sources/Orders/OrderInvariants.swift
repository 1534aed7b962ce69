import ServiceKit

/// What must hold in the schema `orders` at all times; what spans schemas is checked from outside.
let orderInvariants = [
  Invariant(
    "I3", "a confirmed order with automatic capture has its whole total captured",
    violations: """
      SELECT format('order %s: captured %s of %s', number, captured, total) FROM orders
      WHERE state IN ('confirmed', 'partially_shipped', 'shipped', 'delivered')
        AND capture_mode = 'automatic' AND captured <> total
      """),
  Invariant(
    "I4", "a cancelled order has no money left",
    violations: """
      SELECT format('order %s: captured %s, refunded %s', number, captured, refunded) FROM orders
      WHERE state = 'cancelled' AND captured <> refunded
      """),
  Invariant(
    "I7", "a key leads to one order at most",
    violations: """
      SELECT format('%s orders of one key of %s', count(*), principal) FROM orders
      GROUP BY principal, idem_key HAVING count(*) > 1
      """),
  Invariant(
    "history", "the last step of an order's history is its state",
    violations: """
      SELECT format('order %s: %s, its history ends in %s', o.number, o.state, h.to_state)
      FROM orders o LEFT JOIN LATERAL (
        SELECT to_state FROM order_history WHERE order_id = o.id ORDER BY id DESC LIMIT 1
      ) AS h ON true
      WHERE h.to_state IS DISTINCT FROM o.state
      """),
  Invariant(
    "I10", "an order's total is the sum of its parts",
    violations: """
      SELECT format('order %s: subtotal %s, lines %s, total %s', o.number, o.subtotal,
        coalesce(l.subtotal, 0), o.total)
      FROM orders o LEFT JOIN (
        SELECT order_id, sum(unit_amount * quantity) AS subtotal, sum(discount) AS discount
        FROM order_lines GROUP BY order_id
      ) AS l ON l.order_id = o.id
      WHERE o.subtotal IS DISTINCT FROM l.subtotal OR o.discount IS DISTINCT FROM l.discount
        OR o.total <> o.subtotal - o.discount + o.shipping + o.tax_added
      """),
  Invariant(
    "I11", "an order that moves has one running saga, one at rest has none",
    violations: """
      SELECT format('order %s: %s with %s running sagas', o.number, o.state, count(s.id))
      FROM orders o LEFT JOIN sagas s ON s.order_id = o.id AND s.state = 'running'
      GROUP BY o.id
      HAVING count(s.id) <> CASE
        WHEN o.state IN ('pending', 'awaiting_payment', 'cancelling') THEN 1 ELSE 0 END
      """),
]

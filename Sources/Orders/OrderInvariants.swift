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
    "I10", "an order's discounts and taxes are those of its lines",
    violations: """
      SELECT format('order %s: tax %s, its lines %s', o.number, o.tax, coalesce(sum(l.tax), 0))
      FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
      GROUP BY o.id HAVING o.tax <> coalesce(sum(l.tax), 0)
        OR (o.tax_added <> 0 AND o.tax_added <> o.tax)
      """),
  Invariant(
    "I10", "a coupon's uses are those of its orders that were not given up",
    violations: """
      SELECT format('coupon %s: used %s, %s uses, %s orders', c.code, c.used,
        (SELECT count(*) FROM coupon_uses u WHERE u.code = c.code),
        (SELECT count(*) FROM orders o WHERE o.coupon_code = c.code AND o.state <> 'cancelled'))
      FROM coupons c
      WHERE c.used <> (SELECT count(*) FROM coupon_uses u WHERE u.code = c.code)
        OR c.used <> (SELECT count(*) FROM orders o JOIN coupon_uses u
          ON u.order_id = o.id AND u.code = o.coupon_code
          WHERE o.coupon_code = c.code AND o.state <> 'cancelled')
      UNION ALL
      SELECT format('order %s: coupon %s, which it does not use', number, coupon_code)
      FROM orders WHERE state <> 'cancelled' AND coupon_code IS NOT NULL
        AND NOT EXISTS (SELECT FROM coupon_uses u WHERE u.order_id = orders.id)
      """),
  Invariant(
    "I7", "a cart in checkout has its order, a bought one the order that bought it",
    violations: """
      SELECT format('cart %s: %s, its order is %s', c.id, c.status, coalesce(o.state, 'missing'))
      FROM carts c LEFT JOIN orders o ON o.id = c.order_id AND o.cart_id = c.id
      WHERE c.status IN ('locked', 'converted') AND (o.id IS NULL OR c.status = 'locked' AND (
          o.state NOT IN ('pending', 'awaiting_payment', 'cancelling'))
        OR c.status = 'converted' AND o.state IN ('pending', 'awaiting_payment'))
      """),
  Invariant(
    "I11", "an order that moves has one running saga of its own, one at rest at most a follow-up",
    violations: """
      SELECT format('order %s: %s with %s running sagas of its own and %s follow-ups', o.number,
        o.state, coalesce(s.own, 0), coalesce(s.running - s.own, 0))
      FROM orders o LEFT JOIN (
        SELECT order_id, count(*) AS running,
          count(*) FILTER (WHERE kind IN ('checkout', 'cancel')) AS own
        FROM sagas WHERE state = 'running' GROUP BY order_id
      ) AS s ON s.order_id = o.id
      WHERE coalesce(s.own, 0) <> CASE
          WHEN o.state IN ('pending', 'awaiting_payment', 'cancelling') THEN 1 ELSE 0 END
        OR (s.running > s.own AND (s.own > 0 OR o.state IN ('cancelled', 'cancelling')))
      """),
  Invariant(
    "shipments", "what lines say is shipped and refunded is what shipments and refunds say",
    violations: """
      SELECT format('order %s: shipped %s, in parcels %s; refunded %s, in refunds %s', o.number,
        l.shipped, coalesce(p.units, 0), l.refunded_qty, coalesce(r.units, 0))
      FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN (
        SELECT line_id, sum(quantity) AS units FROM shipment_lines
          JOIN shipments s ON s.id = shipment_id
        WHERE s.state IN ('shipped', 'delivered') GROUP BY line_id
      ) AS p ON p.line_id = l.id LEFT JOIN (
        SELECT line_id, sum(quantity) AS units FROM refund_lines
          JOIN refunds f ON f.id = refund_id
        WHERE f.state = 'succeeded' GROUP BY line_id
      ) AS r ON r.line_id = l.id
      WHERE l.shipped <> coalesce(p.units, 0) OR l.refunded_qty <> coalesce(r.units, 0)
      """),
]

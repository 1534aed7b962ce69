/// I3 to I5, I7 and I10: orders, with the money and the stock that belong to them.
let orderChecks = [
  Check(
    "I3", "a confirmed order with automatic capture has its total captured, once",
    tables: ["orders.orders", "payment.payments", "payment.payment_operations"],
    rows: """
      SELECT count(*) FROM orders.orders
      WHERE state IN \(Check.confirmed) AND capture_mode = 'automatic' AND total > 0
      """,
    violations: """
      SELECT format('order %s: total %s, captured %s by %s payments with %s authorisations',
          o.number, o.total, coalesce(paid.captured, 0), coalesce(paid.payments, 0),
          coalesce(paid.authorisations, 0)),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN (
        SELECT p.order_id, count(*) AS payments, sum(p.captured) AS captured,
          sum(asked.authorisations) AS authorisations
        FROM payment.payments p LEFT JOIN (
          SELECT payment_id, count(*) AS authorisations FROM payment.payment_operations
          WHERE kind = 'authorize' GROUP BY payment_id
        ) AS asked ON asked.payment_id = p.id
        GROUP BY p.order_id
      ) AS paid ON paid.order_id = o.id
      WHERE o.state IN \(Check.confirmed) AND o.capture_mode = 'automatic' AND o.total > 0
        AND (paid.captured IS DISTINCT FROM o.total OR paid.payments <> 1
          OR paid.authorisations IS DISTINCT FROM 1 OR NOT EXISTS (
            SELECT FROM payment.payments p
            WHERE p.id = o.payment_id AND p.order_id = o.id AND p.currency = o.currency))
      ORDER BY o.number
      """),
  Check(
    "I3", "a payment belongs to an order",
    tables: ["orders.orders", "payment.payments"],
    rows: "SELECT count(*) FROM payment.payments",
    violations: """
      SELECT format('payment %s: there is no order %s that it is for', p.id, p.order_id),
        format('SELECT * FROM payment.payments WHERE id = %L;', p.id)
      FROM payment.payments p LEFT JOIN orders.orders o
        ON o.id = p.order_id AND o.payment_id = p.id
      WHERE o.id IS NULL ORDER BY p.id
      """),
  Check(
    "I4", "a cancelled order keeps no money and has no open authorisation",
    tables: ["orders.orders", "payment.payments", "payment.payment_operations"],
    rows: "SELECT count(*) FROM orders.orders WHERE state = 'cancelled'",
    violations: """
      SELECT format('order %s: authorised %s, captured %s, refunded %s, %s operations open', o.number,
          p.authorized, p.captured, p.refunded, open.operations),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN payment.payments p ON p.order_id = o.id CROSS JOIN LATERAL (
        SELECT count(*) AS operations FROM payment.payment_operations
        WHERE payment_id = p.id AND state IN ('pending', 'waiting')
      ) AS open
      WHERE o.state = 'cancelled'
        AND (p.captured <> p.refunded OR p.authorized > p.captured OR open.operations > 0)
      ORDER BY o.number
      """),
  Check(
    "I4", "the provider keeps and holds nothing of a cancelled order",
    tables: ["orders.orders", "payment.payments", "payment.payment_operations", "sim.charges"],
    rows: """
      SELECT count(*) FROM orders.orders o JOIN payment.payments p ON p.order_id = o.id
        JOIN payment.payment_operations a ON a.payment_id = p.id AND a.kind = 'authorize'
        JOIN sim.charges c ON c.authorization_id = a.id
      WHERE o.state = 'cancelled'
      """,
    violations: """
      SELECT format('order %s: its charge is %s, of %s captured %s, refunded %s', o.number, c.state,
          c.amount, c.captured, c.refunded),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN payment.payments p ON p.order_id = o.id
        JOIN payment.payment_operations a ON a.payment_id = p.id AND a.kind = 'authorize'
        JOIN sim.charges c ON c.authorization_id = a.id
      WHERE o.state = 'cancelled' AND (c.captured <> c.refunded
        OR (c.state IN ('authorized', 'requires_action') AND c.captured < c.amount))
      ORDER BY o.number
      """),
  Check(
    "I4", "a cancelled order has no stock held or committed",
    tables: ["orders.orders", "product.reservations"],
    rows: "SELECT count(*) FROM orders.orders WHERE state = 'cancelled'",
    violations: """
      SELECT format('order %s: its reservation is %s', o.number, r.state),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN product.reservations r ON r.order_id = o.id
      WHERE o.state = 'cancelled' AND r.state IN ('held', 'committed') ORDER BY o.number
      """),
  Check(
    "I5", "a confirmed order has a committed or fulfilled reservation of the same lines",
    tables: [
      "orders.orders", "orders.order_lines", "product.reservations", "product.reservation_lines",
    ],
    rows: "SELECT count(*) FROM orders.orders WHERE state IN \(Check.confirmed)",
    violations: """
      SELECT format('order %s: it has (variant x units) %s, its reservation is %s, of %s', o.number,
          coalesce(wanted.lines, 'no lines'), coalesce(r.state, 'missing'),
          coalesce(kept.lines, 'no lines')),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN product.reservations r ON r.order_id = o.id
        LEFT JOIN (
          SELECT order_id, string_agg(variant_id || ' x ' || quantity, ', ' ORDER BY variant_id) AS lines
          FROM orders.order_lines GROUP BY order_id
        ) AS wanted ON wanted.order_id = o.id
        LEFT JOIN (
          SELECT order_id, string_agg(variant_id || ' x ' || quantity, ', ' ORDER BY variant_id) AS lines
          FROM product.reservation_lines GROUP BY order_id
        ) AS kept ON kept.order_id = o.id
      WHERE o.state IN \(Check.confirmed) AND (r.state IS NULL
        OR r.state NOT IN ('committed', 'fulfilled') OR wanted.lines IS DISTINCT FROM kept.lines)
      ORDER BY o.number
      """),
  Check(
    "I5", "stock is held and committed for orders alone",
    tables: ["orders.orders", "product.reservations"],
    rows: "SELECT count(*) FROM product.reservations WHERE state IN ('held', 'committed')",
    violations: """
      SELECT format('reservation of order %s, which does not exist: %s', r.order_id, r.state),
        format('SELECT * FROM product.reservation_lines WHERE order_id = %L;', r.order_id)
      FROM product.reservations r LEFT JOIN orders.orders o ON o.id = r.order_id
      WHERE r.state IN ('held', 'committed') AND o.id IS NULL ORDER BY r.order_id
      """),
  Check(
    "I7", "a key of a principal leads to one order at most",
    tables: ["orders.orders"],
    rows: "SELECT count(*) FROM orders.orders",
    violations: """
      SELECT format('%s orders of one key of %s: %s', count(*), principal,
          string_agg(number::text, ', ' ORDER BY number)),
        format('./shop order %s', min(number))
      FROM orders.orders GROUP BY principal, idem_key HAVING count(*) > 1 ORDER BY min(number)
      """),
  Check(
    "I7", "a cart is bought once: it stands as its order does",
    tables: ["orders.orders", "orders.carts"],
    rows: "SELECT count(*) FROM orders.carts",
    violations: """
      SELECT format('cart %s: it is %s, and its order %s %s', c.id, c.status,
          coalesce(o.number::text, 'does not exist'), coalesce(o.state, '')),
        format('SELECT * FROM orders.carts WHERE id = %L;', c.id)
      FROM orders.carts c LEFT JOIN orders.orders o ON o.id = c.order_id AND o.cart_id = c.id
      WHERE (c.status = 'locked'
          AND (o.state IS NULL OR o.state NOT IN ('pending', 'awaiting_payment', 'cancelling')))
        OR (c.status = 'converted'
          AND (o.state IS NULL OR o.state IN ('pending', 'awaiting_payment')))
      UNION ALL
      SELECT format('cart %s: %s orders of it go on: %s', cart_id, count(*),
          string_agg(number::text, ', ' ORDER BY number)),
        format('./shop order %s', min(number))
      FROM orders.orders WHERE cart_id IS NOT NULL AND state <> 'cancelled'
      GROUP BY cart_id HAVING count(*) > 1
      UNION ALL
      SELECT format('order %s: %s, its cart is %s', o.number, o.state, c.status),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN orders.carts c ON c.id = o.cart_id
      WHERE (o.state IN \(Check.confirmed) AND c.status <> 'converted')
        OR (o.state IN ('pending', 'awaiting_payment') AND c.status <> 'locked')
      """),
  Check(
    "I10", "an order's total is the sum of its parts, and of its lines",
    tables: ["orders.orders", "orders.order_lines"],
    rows: "SELECT count(*) FROM orders.order_lines",
    violations: """
      SELECT format('order %s: subtotal %s, discount %s, tax %s, total %s; its lines have %s, %s, %s',
          o.number, o.subtotal, o.discount, o.tax, o.total, l.subtotal, l.discount, l.tax),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN (
        SELECT order_id, sum(unit_amount * quantity) AS subtotal, sum(discount) AS discount,
          sum(tax) AS tax, bool_and(total = unit_amount * quantity - discount) AS adds_up
        FROM orders.order_lines GROUP BY order_id
      ) AS l ON l.order_id = o.id
      WHERE o.subtotal IS DISTINCT FROM l.subtotal OR o.discount IS DISTINCT FROM l.discount
        OR o.tax IS DISTINCT FROM l.tax OR NOT l.adds_up OR o.total < 0
        OR o.total <> o.subtotal - o.discount + o.shipping + o.tax_added
      ORDER BY o.number
      """),
  Check(
    "I10", "a payment is asked for the order's total",
    tables: ["orders.orders", "payment.payments", "payment.payment_operations"],
    rows: """
      SELECT count(*) FROM payment.payments p JOIN payment.payment_operations a
        ON a.payment_id = p.id AND a.kind = 'authorize'
      """,
    violations: """
      SELECT format('order %s: total %s %s, payment asked for %s %s', o.number, o.total, o.currency,
          a.amount, p.currency),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN payment.payments p ON p.order_id = o.id
        JOIN payment.payment_operations a ON a.payment_id = p.id AND a.kind = 'authorize'
      WHERE a.amount <> o.total OR p.amount <> o.total OR p.currency <> o.currency
      ORDER BY o.number
      """),
  Check(
    "I10", "a coupon's uses are those of its orders that were not given up",
    tables: ["orders.orders", "orders.coupons", "orders.coupon_uses"],
    rows: "SELECT count(*) FROM orders.coupon_uses",
    violations: """
      SELECT format('coupon %s: used %s, of %s, by %s orders', c.code, c.used,
          coalesce(c.max_uses::text, 'any number'), count(o.id)),
        format('SELECT * FROM orders.coupon_uses WHERE code = %L;', c.code)
      FROM orders.coupons c LEFT JOIN orders.coupon_uses u ON u.code = c.code
        LEFT JOIN orders.orders o ON o.id = u.order_id AND o.coupon_code = u.code
          AND o.state <> 'cancelled'
      GROUP BY c.code HAVING c.used <> count(o.id) OR c.used <> count(u.order_id)
        OR c.used > c.max_uses
      UNION ALL
      SELECT format('order %s: has coupon %s, and uses none', o.number, o.coupon_code),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN orders.coupon_uses u ON u.order_id = o.id
      WHERE o.coupon_code IS NOT NULL AND o.state <> 'cancelled' AND u.order_id IS NULL
      UNION ALL
      SELECT format('coupon %s: %s has used it %s times, and may %s', u.code, u.customer, count(*),
          c.max_uses_per_customer),
        format('SELECT * FROM orders.coupon_uses WHERE code = %L;', u.code)
      FROM orders.coupon_uses u JOIN orders.coupons c ON c.code = u.code
      GROUP BY u.code, u.customer, c.max_uses_per_customer
      HAVING count(*) > c.max_uses_per_customer
      """),
]

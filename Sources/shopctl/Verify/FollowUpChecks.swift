import Postgres

/// True for an order of which no saga moves: what several services have of it must agree.
private let isStill: SQL = """
  NOT EXISTS (SELECT FROM orders.sagas saga WHERE saga.order_id = o.id AND saga.state = 'running')
  """

/// What shipments or refunds say of stock beside what its movements say, by variant: `ref`, `variant_id`,
/// `meant` and `moved` where the two differ.
///
/// - Parameters:
///   - subject: the table of shipments or refunds, with its lines' table and their column for it.
///   - counted: which of them move stock, as a condition on `s`.
///   - reference: how movements name it; `sign` is 1 for what comes in.
private func strayUnits(
  _ subject: SQL, lines: SQL, column: SQL, counted: SQL, reference: SQL, sign: Int
) -> SQL {
  """
  SELECT ref, variant_id, coalesce(meant.units, 0) AS meant, coalesce(moved.units, 0) AS moved
  FROM (
    SELECT s.id::text AS ref, l.variant_id, part.quantity AS units
    FROM orders.\(subject) s JOIN orders.\(lines) part ON part.\(column) = s.id
      JOIN orders.order_lines l ON l.id = part.line_id
    WHERE \(counted)
  ) AS meant FULL JOIN (
    SELECT ref_id AS ref, variant_id::bigint, delta * \(constant: sign) AS units
    FROM product.stock_movements WHERE ref_type = \(reference)
  ) AS moved USING (ref, variant_id)
  WHERE coalesce(meant.units, 0) <> coalesce(moved.units, 0)
  """
}

/// What follows a confirmed order: its shipments and refunds, with the stock and the money that they move.
let followUpChecks = [
  Check(
    "I5", "shipped units are the fulfilled ones of the reservation",
    tables: ["orders.order_lines", "orders.shipments", "product.reservation_lines"],
    rows: "SELECT count(*) FROM orders.order_lines WHERE shipped > 0",
    violations: """
      SELECT format('order %s: of variant %s shipped %s, its reservation has %s', o.number,
          l.variant_id, l.shipped, coalesce(r.fulfilled, 0)),
        format('./shop order %s', o.number)
      FROM orders.order_lines l JOIN orders.orders o ON o.id = l.order_id
        LEFT JOIN product.reservation_lines r
          ON r.order_id = l.order_id AND r.variant_id = l.variant_id
      WHERE l.shipped <> coalesce(r.fulfilled, 0) AND \(isStill) ORDER BY o.number
      """),
  Check(
    "I5", "a line's shipped units are those of its shipments, and no more than were ordered",
    tables: ["orders.order_lines", "orders.shipments", "orders.shipment_lines"],
    rows: "SELECT count(*) FROM orders.shipment_lines",
    violations: """
      SELECT format('order %s: of %s %s shipped, in its shipments %s', o.number, l.quantity,
          l.shipped, coalesce(sent.units, 0)),
        format('./shop order %s', o.number)
      FROM orders.order_lines l JOIN orders.orders o ON o.id = l.order_id LEFT JOIN (
        SELECT part.line_id, sum(part.quantity) AS units
        FROM orders.shipment_lines part JOIN orders.shipments s ON s.id = part.shipment_id
        WHERE s.state IN ('shipped', 'delivered') GROUP BY part.line_id
      ) AS sent ON sent.line_id = l.id
      WHERE l.shipped <> coalesce(sent.units, 0) OR l.shipped > l.quantity ORDER BY o.number
      """),
  Check(
    "I5", "each shipment has taken its units out of stock once, one that failed none",
    tables: ["orders.shipments", "orders.shipment_lines", "product.stock_movements"],
    rows: "SELECT count(*) FROM product.stock_movements WHERE ref_type = 'shipment'",
    violations: """
      SELECT format('shipment %s of order %s is %s: variant %s, its units %s, out of stock %s',
          stray.ref, o.number, s.state, stray.variant_id, stray.meant, stray.moved),
        CASE WHEN o.id IS NULL THEN 'SELECT * FROM product.stock_movements;'
          ELSE format('./shop order %s', o.number) END
      FROM (\(
        strayUnits(
          "shipments", lines: "shipment_lines", column: "shipment_id",
          counted: "s.state IN ('shipped', 'delivered')", reference: "'shipment'", sign: -1)
      )) AS stray LEFT JOIN orders.shipments s ON s.id::text = stray.ref
        LEFT JOIN orders.orders o ON o.id = s.order_id
      WHERE o.id IS NULL OR \(isStill) ORDER BY 1
      """),
  Check(
    "I3", "where money is taken share by share, each shipment has its share captured",
    tables: ["orders.shipments", "payment.payment_operations"],
    rows: "SELECT count(*) FROM orders.shipments WHERE share > 0",
    violations: """
      SELECT format('order %s: its shipment %s is %s, its share %s: captured %s', o.number, s.id,
          s.state, s.share, coalesce(taken.amount, 0)),
        format('./shop order %s', o.number)
      FROM orders.shipments s JOIN orders.orders o ON o.id = s.order_id LEFT JOIN (
        SELECT id, payment_id, amount FROM payment.payment_operations
        WHERE kind = 'capture' AND state = 'succeeded'
      ) AS taken ON taken.id = s.capture_id AND taken.payment_id = o.payment_id
      WHERE coalesce(taken.amount, 0) <>
          CASE WHEN s.state IN ('shipped', 'delivered') THEN s.share ELSE 0 END
        AND \(isStill)
      ORDER BY o.number
      """),
  Check(
    "I3", "an order that is shipped whole has its whole total captured",
    tables: ["orders.orders", "payment.payments"],
    rows: "SELECT count(*) FROM orders.orders WHERE state IN ('shipped', 'delivered')",
    violations: """
      SELECT format('order %s: %s, captured %s of %s', o.number, o.state, coalesce(p.captured, 0),
          o.total),
        format('./shop order %s', o.number)
      FROM orders.orders o LEFT JOIN payment.payments p ON p.id = o.payment_id
      WHERE o.state IN ('shipped', 'delivered') AND coalesce(p.captured, 0) <> o.total
      ORDER BY o.number
      """),
  Check(
    "I10", "each refund of an order was paid back by its payment once, one that failed was not",
    tables: ["orders.refunds", "payment.payment_operations"],
    rows: "SELECT count(*) FROM orders.refunds",
    violations: """
      SELECT format('order %s: its refund %s of %s is %s, paid back %s', o.number, r.id, r.amount,
          r.state, coalesce(paid.amount, 0)),
        format('./shop order %s', o.number)
      FROM orders.refunds r JOIN orders.orders o ON o.id = r.order_id LEFT JOIN (
        SELECT id, payment_id, amount FROM payment.payment_operations
        WHERE kind = 'refund' AND state = 'succeeded'
      ) AS paid ON paid.id = r.id AND paid.payment_id = o.payment_id
      WHERE coalesce(paid.amount, 0) <> CASE r.state WHEN 'succeeded' THEN r.amount ELSE 0 END
        AND \(isStill)
      ORDER BY o.number
      """),
  Check(
    "I10", "an order's refunds add up to what it was refunded, or less where staff paid back too",
    tables: ["orders.orders", "orders.refunds"],
    rows: "SELECT count(*) FROM orders.refunds WHERE state = 'succeeded'",
    violations: """
      SELECT format('order %s: refunded %s, its refunds %s', o.number, o.refunded, r.amount),
        format('./shop order %s', o.number)
      FROM orders.orders o JOIN (
        SELECT order_id, sum(amount) AS amount FROM orders.refunds WHERE state = 'succeeded'
        GROUP BY order_id
      ) AS r ON r.order_id = o.id
      WHERE r.amount > o.refunded OR o.refunded > o.captured ORDER BY o.number
      """),
  Check(
    "I10", "a line's refunded units are those of its refunds, and no more than were shipped",
    tables: ["orders.order_lines", "orders.refunds", "orders.refund_lines"],
    rows: "SELECT count(*) FROM orders.refund_lines",
    violations: """
      SELECT format('order %s: of %s shipped %s refunded, in its refunds %s', o.number, l.shipped,
          l.refunded_qty, coalesce(back.units, 0)),
        format('./shop order %s', o.number)
      FROM orders.order_lines l JOIN orders.orders o ON o.id = l.order_id LEFT JOIN (
        SELECT part.line_id, sum(part.quantity) AS units
        FROM orders.refund_lines part JOIN orders.refunds r ON r.id = part.refund_id
        WHERE r.state = 'succeeded' GROUP BY part.line_id
      ) AS back ON back.line_id = l.id
      WHERE l.refunded_qty <> coalesce(back.units, 0) OR l.refunded_qty > l.shipped
      ORDER BY o.number
      """),
  Check(
    "I2", "units come back to stock with the refund that says so, once",
    tables: ["orders.refunds", "orders.refund_lines", "product.stock_movements"],
    rows: "SELECT count(*) FROM product.stock_movements WHERE ref_type = 'refund'",
    violations: """
      SELECT format('refund %s of order %s is %s: variant %s, to restock %s, back in stock %s',
          stray.ref, o.number, r.state, stray.variant_id, stray.meant, stray.moved),
        CASE WHEN o.id IS NULL THEN 'SELECT * FROM product.stock_movements;'
          ELSE format('./shop order %s', o.number) END
      FROM (\(
        strayUnits(
          "refunds", lines: "refund_lines", column: "refund_id",
          counted: "s.state = 'succeeded' AND s.restock", reference: "'refund'", sign: 1)
      )) AS stray LEFT JOIN orders.refunds r ON r.id::text = stray.ref
        LEFT JOIN orders.orders o ON o.id = r.order_id
      WHERE o.id IS NULL OR \(isStill) ORDER BY 1
      """),
  Check(
    "I8", "each shipment, delivery and refund of an order was told once",
    tables: ["orders.shipments", "orders.refunds", "orders.outbox"],
    rows: """
      SELECT count(*) FROM orders.outbox
      WHERE type IN ('order.shipped', 'order.delivered', 'order.refunded')
      """,
    violations: """
      SELECT format('order %s: %s, shipped %s, told %s; refunded %s, told %s; delivered told %s',
          number, state, shipments, shipped, refunds, refunded, delivered),
        format('./shop order %s', number)
      FROM (
        SELECT o.number, o.state, coalesce(s.done, 0) AS shipments, coalesce(r.done, 0) AS refunds,
          coalesce(e.shipped, 0) AS shipped, coalesce(e.refunded, 0) AS refunded,
          coalesce(e.delivered, 0) AS delivered
        FROM orders.orders o LEFT JOIN (
          SELECT order_id, count(*) AS done FROM orders.shipments
          WHERE state IN ('shipped', 'delivered') GROUP BY order_id
        ) AS s ON s.order_id = o.id LEFT JOIN (
          SELECT order_id, count(*) AS done FROM orders.refunds
          WHERE state = 'succeeded' GROUP BY order_id
        ) AS r ON r.order_id = o.id LEFT JOIN (
          SELECT subject, count(*) FILTER (WHERE type = 'order.shipped') AS shipped,
            count(*) FILTER (WHERE type = 'order.refunded') AS refunded,
            count(*) FILTER (WHERE type = 'order.delivered') AS delivered
          FROM orders.outbox
          WHERE type IN ('order.shipped', 'order.refunded', 'order.delivered') GROUP BY subject
        ) AS e ON e.subject = o.id::text
      ) AS told
      WHERE shipments <> shipped OR refunds <> refunded
        OR delivered <> CASE state WHEN 'delivered' THEN 1 ELSE 0 END
      ORDER BY number
      """),
]

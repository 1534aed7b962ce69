/// I1 and I2: the warehouse.
let stockChecks = [
  Check(
    "I1", "reserved units are those of held and committed lines, and no more than there are",
    tables: ["product.stock", "product.reservations", "product.reservation_lines"],
    rows: "SELECT count(*) FROM product.stock",
    violations: """
      SELECT format('variant %s: on hand %s, reserved %s, held and committed lines %s', variant_id,
          s.on_hand, s.reserved, coalesce(line.units, 0)),
        format('SELECT * FROM product.reservation_lines JOIN product.reservations USING (order_id)'
          ' WHERE variant_id = %s AND state IN (''held'', ''committed'');', variant_id)
      FROM product.stock s FULL JOIN (
        SELECT l.variant_id, sum(l.quantity - l.fulfilled) AS units
        FROM product.reservation_lines l JOIN product.reservations r USING (order_id)
        WHERE r.state IN ('held', 'committed') GROUP BY l.variant_id
      ) AS line USING (variant_id)
      WHERE coalesce(s.reserved, 0) <> coalesce(line.units, 0)
        OR s.reserved < 0 OR s.reserved > s.on_hand
      ORDER BY variant_id
      """),
  Check(
    "I2", "units on hand are the sum of stock movements",
    tables: ["product.stock", "product.stock_movements"],
    rows: "SELECT count(*) FROM product.stock_movements",
    violations: """
      SELECT format('variant %s: on hand %s, movements %s', variant_id, s.on_hand,
          coalesce(moved.units, 0)),
        format('SELECT * FROM product.stock_movements WHERE variant_id = %s ORDER BY id;', variant_id)
      FROM product.stock s FULL JOIN (
        SELECT variant_id, sum(delta) AS units FROM product.stock_movements GROUP BY variant_id
      ) AS moved USING (variant_id)
      WHERE coalesce(s.on_hand, 0) <> coalesce(moved.units, 0)
      ORDER BY variant_id
      """),
]

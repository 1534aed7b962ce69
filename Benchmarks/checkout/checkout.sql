-- One checkout: two lines, a guest, paid by card. 76 statements in 20 transactions.
--
-- Written by `./shop bench checkout --capture` from the log of a server (log_statement = all) while one
-- customer bought from a copy of the shop that had nothing else to do. In their order these are all statements
-- that the services and the provider simulator sent before the customer was answered, in their transactions;
-- each transaction says whose it is. Ids, key, times and number of the order are variables; products are drawn.
-- Left out is what no customer waits for: numbering events, reading feeds, notices.
--
-- pgbench awaits each statement. It runs as superuser with all schemas in its search_path, so tables that
-- several services have are named with their schema.

-- Of an order's ids, the time and what is random: all but their last two digits.
SELECT substr(t, 1, 8) || '-' || substr(t, 9, 4) || '-7' || substr(r, 16, 19) AS o
FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') AS t,
  gen_random_uuid()::text AS r) AS made \gset
\set a random(1, :products)
\set b (:a + random(1, :products - 1) - 1) % :products + 1
\set p least(:a, :b)
\set q greatest(:a, :b)

-- orders
SELECT id, fingerprint FROM orders WHERE principal = 'anon' AND idem_key = ('bench-' || :o);

-- orders
SELECT id, name, countries, currency, price, free_from, version FROM shipping_methods ORDER BY name, id;

-- product
SELECT v.id, p.id, v.id = p.default_variant_id,
  (SELECT count(*) FROM variants all_v
   WHERE all_v.product_id = p.id AND all_v.status = 'active'),
  CASE WHEN v.id = p.default_variant_id THEN p.name ELSE p.name || ' ' || v.name END,
  v.sku, CASE WHEN p.status = 'active' THEN v.status ELSE p.status END,
  price.amount, s.on_hand - s.reserved
FROM (SELECT default_variant_id AS id FROM products
WHERE id = ANY('{3,7,3,3,3,3,3,3,3,3}'::bigint[])) AS wanted
JOIN variants v ON v.id = wanted.id
JOIN products p ON p.id = v.product_id
JOIN stock s ON s.variant_id = v.id
LEFT JOIN variant_prices price
  ON price.variant_id = v.id AND price.currency = 'USD'
ORDER BY v.id;

-- orders
SELECT id, country, nullif(region, ''), basis_points, included_in_price, version FROM tax_rates
WHERE country = 'US' AND region IN ('', '')
ORDER BY region DESC LIMIT 1;

-- orders
BEGIN ISOLATION LEVEL READ COMMITTED;
WITH accepted AS (
  INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, user_id, email,
    note, currency, subtotal, discount, shipping, tax, tax_added, total, payment_id, state,
    cart_id, coupon_code, shipping_method_id, shipping_method)
  VALUES ((:o || '00')::uuid, 'anon', ('bench-' || :o), '\xa85ba913623c84402e6f519190c7fa7376bd42053ef8084bd981231c865c28e7'::bytea,
    'automatic', NULL, (('bench-' || :o) || '@load.example'), NULL,
    'USD', '42898', '0',
    '0', '0', '0',
    '42898', (:o || '01')::uuid, 'pending',
    NULL, NULL, '01900000-0000-7000-8000-000000000101'::uuid,
    'Standard')
  ON CONFLICT ON CONSTRAINT orders_key DO NOTHING
  RETURNING id, number
), lines AS (
  INSERT INTO order_lines (id, order_id, position, variant_id, product_id, name, sku,
    unit_amount, quantity, discount, tax, total)
  SELECT l.id, accepted.id, l.position - 1, l.variant_id, l.product_id, l.name, l.sku,
    l.unit_amount, l.quantity, l.discount, l.tax, l.unit_amount * l.quantity - l.discount
  FROM accepted, unnest(('{' || (:o || '02') || ',' || (:o || '03') || '}')::uuid[],
    ARRAY[:p, :q]::bigint[], ARRAY[:p, :q]::bigint[],
    '{Tablet,"Wireless Mouse"}'::text[], '{TABLET,WIRELESS-MOUSE}'::text[],
    '{34900,3999}'::bigint[], '{1,2}'::bigint[],
    '{0,0}'::bigint[], '{0,0}'::bigint[]
  ) WITH ORDINALITY
    AS l (id, variant_id, product_id, name, sku, unit_amount, quantity, discount, tax,
      position)
), shipping_address AS (
  INSERT INTO order_addresses (order_id, kind, name, line1, line2, city, region,
    postal_code, country, phone)
  SELECT id, 'shipping', 'Load Buyer', '1 High Street', NULL,
    'Springfield', NULL, '12345', 'US',
    NULL
  FROM accepted
), billing_address AS (
  INSERT INTO order_addresses (order_id, kind, name, line1, line2, city, region,
    postal_code, country, phone)
  SELECT id, 'billing', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL,
    NULL
  FROM accepted WHERE 'f'
), told AS (
  INSERT INTO order_history (order_id, to_state, actor)
  SELECT id, 'pending', 'anon' FROM accepted
), begun AS (
  INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, deadline, input,
    traceparent, lease_until, holder)
  SELECT (:o || '04')::uuid, 'checkout', id, id, 'S1', 'forward',
    (now() + interval '600 s'), ('{"lines": [{"quantity": 1, "variantId": ' || :p || '}, {"quantity": 2, "variantId": ' || :q || '}], "captureId": "' || (:o || '05') || '", "paymentToken": "tok_ok"}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-91e64445856aeff9-01', now() + make_interval(secs => '15'),
    ('vm 127.0.0.1 127.0.0.1:' || '28002 ' || (:o || '06'))
  FROM accepted
)
SELECT number FROM accepted \gset
INSERT INTO orders.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '07')::uuid, 'order.created', (:o || '00')::uuid, '1',
  ('{"state": "pending", "total": {"amount": 42898, "currency": "USD"}, "number": ' || :number || ', "orderId": "' || (:o || '00') || '", "version": 1, "captured": 0, "refunded": 0, "paymentId": "' || (:o || '01') || '"}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-91e64445856aeff9-01');
COMMIT;

-- product
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO reservations (order_id, state, expires_at, lines_hash)
VALUES ((:o || '00')::uuid, 'held', (now() + interval '900 s'), '\x329aedeafd9588db264ad767df061dec8edb912f0755dd8e062e30b6cbe1ddfb'::bytea)
ON CONFLICT DO NOTHING;
SELECT variant_id FROM stock WHERE variant_id = ANY('{3,7,3,3,3,3,3,3,3,3}'::bigint[]);
INSERT INTO reservation_lines (order_id, variant_id, quantity)
SELECT (:o || '00')::uuid, line.variant, line.quantity
FROM unnest(ARRAY[:p, :q]::bigint[], '{1,2}'::bigint[]) AS line (variant, quantity);
SELECT FROM stock
WHERE variant_id = ANY('{3,7,3,3,3,3,3,3,3,3}'::bigint[]) ORDER BY variant_id FOR UPDATE;
UPDATE stock SET reserved = reserved + '1' * line.quantity, version = stock.version + 1
FROM unnest(ARRAY[:p, :q]::bigint[], '{1,2}'::bigint[]) AS line (variant, quantity), variants v
WHERE stock.variant_id = line.variant AND v.id = line.variant AND NOT EXISTS (
  SELECT FROM stock s, unnest(ARRAY[:p, :q]::bigint[], '{1,2}'::bigint[]) AS wanted (variant, quantity)
  WHERE s.variant_id = wanted.variant AND s.on_hand - s.reserved < wanted.quantity)
RETURNING stock.variant_id, v.sku, stock.on_hand - stock.reserved, stock.low_at, stock.version;
UPDATE reservations SET state = 'held', expires_at = (now() + interval '900 s'),
  version = version + 1, updated_at = now()
WHERE order_id = (:o || '00')::uuid;
INSERT INTO product.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '08')::uuid, 'reservation.held', (:o || '00')::uuid, '2',
  ('{"lines": [{"quantity": 1, "variantId": ' || :p || '}, {"quantity": 2, "variantId": ' || :q || '}], "orderId": "' || (:o || '00') || '"}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-7ae24db169c992d9-01');
COMMIT;

-- orders
WITH paid AS (
  UPDATE orders SET authorized = '0', captured = '0',
refunded = '0', payment_voided = 'f',
payment_version = '0', version = version + 1
  WHERE id = (:o || '00')::uuid AND payment_version < '0'
  RETURNING id
)
UPDATE sagas s
SET step = 'S2', direction = 'forward', attempts = 0, progressed_at = now(),
parked_at = NULL, last_error = NULL, lease_until = now() + make_interval(secs => '15'),
  log = (CASE WHEN jsonb_array_length(s.log) < 100 THEN s.log ELSE s.log - 0 END) || jsonb_build_array(jsonb_build_object(
  'at', now(), 'epoch', s.epoch, 'step', 'S2', 'what', 'begun'))
FROM orders o, (SELECT count(*) FROM paid) AS paid
WHERE s.id = (:o || '04')::uuid AND s.epoch = '1' AND s.state = 'running' AND o.id = s.order_id
RETURNING o.cancel_requested;

-- payment
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO payments (id, request_hash, order_id, user_id, currency, amount, state,
  capture_mode, expires_at, version, created_at, updated_at)
VALUES ((:o || '01')::uuid, '\x41b17f4efdc83802d68278315a1ad195a7b72a2cccba63fcd58e6f9d4495d72a'::bytea, (:o || '00')::uuid, NULL,
  'USD', '42898', 'authorizing',
  'automatic', (now() + interval '604800 s'), '1',
  now(), now())
ON CONFLICT DO NOTHING;
INSERT INTO payment_operations (id, payment_id, kind, amount, state, token, next_run_at,
  created_at, request_hash, reason)
VALUES ((:o || '09')::uuid, (:o || '01')::uuid, 'authorize', '42898',
  'pending', 'tok_ok', (now() + interval '5 s'),
  now(), NULL, NULL);
INSERT INTO ledger_accounts (code, currency)
SELECT code, 'USD' FROM unnest('{provider_clearing,customer_funds,auth_hold,auth_hold_contra}'::text[]) code
WHERE NOT EXISTS (SELECT FROM ledger_accounts a
  WHERE a.code = code.code AND a.currency = 'USD')
ORDER BY code
ON CONFLICT DO NOTHING;
COMMIT;

-- sim
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO keys (key, kind, authorization_id, amount, outcome, ready_at, created_at)
VALUES ((:o || '09')::uuid, 'authorize', (:o || '09')::uuid, '42898', 'failing',
  now(), now())
ON CONFLICT (key) DO UPDATE SET attempts = keys.attempts + 1
RETURNING attempts;
SELECT token FROM charges WHERE authorization_id = (:o || '09')::uuid FOR UPDATE;
INSERT INTO charges (authorization_id, token, amount, currency, state, created_at)
VALUES ((:o || '09')::uuid, 'tok_ok', '42898',
  'USD', 'authorized', now());
UPDATE keys SET outcome = 'succeeded', decline_code = NULL,
  ready_at = now()
WHERE key = (:o || '09')::uuid;
SELECT keys.outcome, keys.decline_code, keys.ready_at, keys.attempts,
  CASE keys.kind WHEN 'authorize' THEN 'ch_' ELSE 'op_' END || keys.key::text,
  coalesce(charges.token, '')
FROM keys LEFT JOIN charges USING (authorization_id)
WHERE keys.key = (:o || '09')::uuid;
COMMIT;

-- payment
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT id, request_hash, order_id, user_id, currency, amount, authorized, captured, refunded, state,
capture_mode, provider_ref, next_action->>'url', expires_at, version, created_at FROM payments WHERE id = (:o || '01')::uuid FOR UPDATE;
SELECT payment_id, id, kind, amount, state, token, provider_ref, decline_code, attempts,
  created_at, request_hash, reason
FROM payment_operations WHERE payment_id = ANY(('{' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || '}')::uuid[]) ORDER BY created_at, id;
UPDATE payments SET state = 'authorized', authorized = '42898',
  captured = '0', refunded = '0',
  provider_ref = ('ch_' || (:o || '09')),
  next_action = CASE WHEN NULL::text IS NULL THEN NULL
    ELSE jsonb_build_object('url', NULL::text) END,
  version = '2',
  updated_at = now()
WHERE id = (:o || '01')::uuid;
UPDATE payment_operations SET state = 'succeeded', token = NULL,
  provider_ref = ('ch_' || (:o || '09')), decline_code = NULL
WHERE id = (:o || '09')::uuid;
INSERT INTO ledger_journals (id, operation_id, payment_id, kind, at)
VALUES ((:o || '0a')::uuid, (:o || '09')::uuid, (:o || '01')::uuid, 'authorize', now());
INSERT INTO ledger_entries (journal_id, line, account_id, amount)
SELECT (:o || '0a')::uuid, lines.number, (SELECT a.id FROM ledger_accounts a
  WHERE a.code = lines.account AND a.currency = 'USD'), lines.amount
FROM unnest('{auth_hold,auth_hold_contra}'::text[], '{42898,-42898}'::bigint[])
  WITH ORDINALITY AS lines (account, amount, number);
INSERT INTO payment.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '0b')::uuid, 'payment.authorized', (:o || '01')::uuid, '2',
  ('{"state": "authorized", "amount": 42898, "orderId": "' || (:o || '00') || '", "version": 2, "captured": 0, "currency": "USD", "refunded": 0, "paymentId": "' || (:o || '01') || '", "authorized": 42898}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-885104337d6d7207-01');
COMMIT;

-- orders
WITH paid AS (
  UPDATE orders SET authorized = '42898', captured = '0',
refunded = '0', payment_voided = 'f',
payment_version = '2', version = version + 1
  WHERE id = (:o || '00')::uuid AND payment_version < '2'
  RETURNING id
)
UPDATE sagas s
SET step = 'S3', direction = 'forward', attempts = 0, progressed_at = now(),
parked_at = NULL, last_error = NULL, lease_until = now() + make_interval(secs => '15'),
  log = (CASE WHEN jsonb_array_length(s.log) < 100 THEN s.log ELSE s.log - 0 END) || jsonb_build_array(jsonb_build_object(
  'at', now(), 'epoch', s.epoch, 'step', 'S3', 'what', 'begun'))
FROM orders o, (SELECT count(*) FROM paid) AS paid
WHERE s.id = (:o || '04')::uuid AND s.epoch = '1' AND s.state = 'running' AND o.id = s.order_id
RETURNING o.cancel_requested;

-- product
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT state, expires_at, version FROM reservations WHERE order_id = (:o || '00')::uuid FOR UPDATE;
SELECT variant_id, quantity, fulfilled FROM reservation_lines
WHERE order_id = (:o || '00')::uuid ORDER BY variant_id;
UPDATE reservations SET state = 'committed', expires_at = (now() + interval '900 s'),
  version = version + 1, updated_at = now()
WHERE order_id = (:o || '00')::uuid;
INSERT INTO product.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '0c')::uuid, 'reservation.committed', (:o || '00')::uuid, '3',
  ('{"lines": [{"quantity": 1, "variantId": ' || :p || '}, {"quantity": 2, "variantId": ' || :q || '}], "orderId": "' || (:o || '00') || '"}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-1fffe7ee6dd91257-01');
COMMIT;

-- orders
WITH paid AS (
  UPDATE orders SET authorized = '0', captured = '0',
refunded = '0', payment_voided = 'f',
payment_version = '0', version = version + 1
  WHERE id = (:o || '00')::uuid AND payment_version < '0'
  RETURNING id
)
UPDATE sagas s
SET step = 'S4', direction = 'forward', attempts = 0, progressed_at = now(),
parked_at = NULL, last_error = NULL, lease_until = now() + make_interval(secs => '15'),
  log = (CASE WHEN jsonb_array_length(s.log) < 100 THEN s.log ELSE s.log - 0 END) || jsonb_build_array(jsonb_build_object(
  'at', now(), 'epoch', s.epoch, 'step', 'S4', 'what', 'begun'))
FROM orders o, (SELECT count(*) FROM paid) AS paid
WHERE s.id = (:o || '04')::uuid AND s.epoch = '1' AND s.state = 'running' AND o.id = s.order_id
RETURNING o.cancel_requested;

-- payment
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT id, request_hash, order_id, user_id, currency, amount, authorized, captured, refunded, state,
capture_mode, provider_ref, next_action->>'url', expires_at, version, created_at FROM payments WHERE id = (:o || '01')::uuid FOR UPDATE;
SELECT payment_id, id, kind, amount, state, token, provider_ref, decline_code, attempts,
  created_at, request_hash, reason
FROM payment_operations WHERE payment_id = ANY(('{' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || '}')::uuid[]) ORDER BY created_at, id;
UPDATE payments SET state = 'authorized', authorized = '42898',
  captured = '0', refunded = '0',
  provider_ref = ('ch_' || (:o || '09')),
  next_action = CASE WHEN NULL::text IS NULL THEN NULL
    ELSE jsonb_build_object('url', NULL::text) END,
  version = '3',
  updated_at = now()
WHERE id = (:o || '01')::uuid;
INSERT INTO payment_operations (id, payment_id, kind, amount, state, token, next_run_at,
  created_at, request_hash, reason)
VALUES ((:o || '05')::uuid, (:o || '01')::uuid, 'capture', '42898',
  'pending', NULL, (now() + interval '5 s'),
  now(), NULL, NULL);
COMMIT;

-- sim
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO keys (key, kind, authorization_id, amount, outcome, ready_at, created_at)
VALUES ((:o || '05')::uuid, 'capture', (:o || '09')::uuid, '42898', 'failing',
  now(), now())
ON CONFLICT (key) DO UPDATE SET attempts = keys.attempts + 1
RETURNING attempts;
SELECT token FROM charges WHERE authorization_id = (:o || '09')::uuid FOR UPDATE;
UPDATE charges SET captured = captured + '42898'
WHERE authorization_id = (:o || '09')::uuid;
UPDATE keys SET outcome = 'succeeded', decline_code = NULL,
  ready_at = now()
WHERE key = (:o || '05')::uuid;
SELECT keys.outcome, keys.decline_code, keys.ready_at, keys.attempts,
  CASE keys.kind WHEN 'authorize' THEN 'ch_' ELSE 'op_' END || keys.key::text,
  coalesce(charges.token, '')
FROM keys LEFT JOIN charges USING (authorization_id)
WHERE keys.key = (:o || '05')::uuid;
COMMIT;

-- payment
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT id, request_hash, order_id, user_id, currency, amount, authorized, captured, refunded, state,
capture_mode, provider_ref, next_action->>'url', expires_at, version, created_at FROM payments WHERE id = (:o || '01')::uuid FOR UPDATE;
SELECT payment_id, id, kind, amount, state, token, provider_ref, decline_code, attempts,
  created_at, request_hash, reason
FROM payment_operations WHERE payment_id = ANY(('{' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || ',' || (:o || '01') || '}')::uuid[]) ORDER BY created_at, id;
UPDATE payments SET state = 'captured', authorized = '42898',
  captured = '42898', refunded = '0',
  provider_ref = ('ch_' || (:o || '09')),
  next_action = CASE WHEN NULL::text IS NULL THEN NULL
    ELSE jsonb_build_object('url', NULL::text) END,
  version = '4',
  updated_at = now()
WHERE id = (:o || '01')::uuid;
UPDATE payment_operations SET state = 'succeeded', token = NULL,
  provider_ref = ('op_' || (:o || '05')), decline_code = NULL
WHERE id = (:o || '05')::uuid;
INSERT INTO ledger_journals (id, operation_id, payment_id, kind, at)
VALUES ((:o || '0d')::uuid, (:o || '05')::uuid, (:o || '01')::uuid, 'capture', now());
INSERT INTO ledger_entries (journal_id, line, account_id, amount)
SELECT (:o || '0d')::uuid, lines.number, (SELECT a.id FROM ledger_accounts a
  WHERE a.code = lines.account AND a.currency = 'USD'), lines.amount
FROM unnest('{auth_hold_contra,auth_hold,provider_clearing,customer_funds}'::text[], '{42898,-42898,42898,-42898}'::bigint[])
  WITH ORDINALITY AS lines (account, amount, number);
INSERT INTO payment.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '0e')::uuid, 'payment.captured', (:o || '01')::uuid, '4',
  ('{"state": "captured", "amount": 42898, "orderId": "' || (:o || '00') || '", "version": 4, "captured": 42898, "currency": "USD", "refunded": 0, "paymentId": "' || (:o || '01') || '", "authorized": 42898, "operationId": "' || (:o || '05') || '", "operationAmount": 42898}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-539ac36ee3eab313-01');
COMMIT;

-- orders
BEGIN ISOLATION LEVEL READ COMMITTED;
WITH before AS (
  SELECT id, state FROM orders
  WHERE id = (:o || '00')::uuid AND state = ANY('{pending}'::text[]) AND NOT cancel_requested FOR UPDATE
), moved AS (
  UPDATE orders SET state = 'confirmed', version = orders.version + 1, authorized = CASE WHEN orders.payment_version < '4' THEN '42898' ELSE authorized END,
captured = CASE WHEN orders.payment_version < '4' THEN '42898' ELSE captured END,
refunded = CASE WHEN orders.payment_version < '4' THEN '0' ELSE refunded END,
payment_voided = CASE WHEN orders.payment_version < '4' THEN 'f' ELSE payment_voided END,
payment_version = greatest(payment_version, '4'), attention = false
  FROM before WHERE orders.id = before.id
  RETURNING orders.id, orders.number, orders.state, orders.version, orders.user_id, orders.payment_id,
orders.currency, orders.total, orders.captured, orders.refunded, orders.cancel_reason,
orders.decline_code, before.state AS from_state, orders.cancel_note,
    orders.cart_id, orders.coupon_code
), led AS (
  UPDATE sagas s SET state = 'done', finished_at = now(), lease_until = now(), input = NULL, next_action = NULL,
attempts = 0, parked_at = NULL, last_error = NULL,
    log = (CASE WHEN jsonb_array_length(s.log) < 100 THEN s.log ELSE s.log - 0 END) || jsonb_build_array(jsonb_build_object(
  'at', now(), 'epoch', s.epoch, 'step', 'S4', 'what', 'order confirmed'))
  FROM moved WHERE s.id = (:o || '04')::uuid AND s.epoch = '1' AND s.state = 'running' AND s.order_id = moved.id
  RETURNING s.id
), told AS (
  INSERT INTO order_history (order_id, from_state, to_state, actor, reason)
  SELECT o.id, o.from_state, o.state, 'checkout', NULL FROM moved o
)
SELECT moved.id, number, state, version, user_id, payment_id, currency, total, captured,
  refunded, cancel_reason, decline_code, (SELECT count(*) FROM led), cart_id,
  coupon_code IS NOT NULL
FROM moved;
INSERT INTO orders.outbox (event_id, type, subject, version, data, traceparent)
VALUES ((:o || '0f')::uuid, 'order.confirmed', (:o || '00')::uuid, '3',
  ('{"state": "confirmed", "total": {"amount": 42898, "currency": "USD"}, "number": ' || :number || ', "orderId": "' || (:o || '00') || '", "version": 3, "captured": 42898, "refunded": 0, "paymentId": "' || (:o || '01') || '"}')::jsonb, '00-e1b272ae4ee95447606c9eecd3fb9d1b-91e64445856aeff9-01');
COMMIT;

-- orders
SELECT o.id, o.number, o.state, o.user_id, o.email, o.locale, o.note, o.capture_mode, o.currency,
o.subtotal, o.discount, o.shipping, o.tax, o.tax_added, o.payment_id, o.authorized, o.captured,
o.refunded, o.payment_voided, o.payment_version,
CASE WHEN o.state = 'awaiting_payment' THEN s.next_action END, o.cancel_reason, o.decline_code,
o.shortages, o.cancel_requested, o.attention, o.version, o.created_at, o.coupon_code,
o.shipping_method_id, o.shipping_method,
EXISTS (SELECT FROM order_commands c WHERE c.order_id = o.id) FROM orders o LEFT JOIN sagas s ON s.order_id = o.id AND s.state = 'running' WHERE o.id = (:o || '00')::uuid;

-- orders
SELECT l.order_id, l.id, l.variant_id, l.product_id, l.name, l.sku, o.currency,
  l.unit_amount, l.quantity, l.discount, l.tax, l.total, l.shipped, l.refunded_qty
FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE l.order_id = ANY(('{' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || '}')::uuid[]) ORDER BY l.order_id, l.position;

-- orders
SELECT order_id, kind, name, line1, line2, city, region, postal_code, country, phone
FROM order_addresses WHERE order_id = ANY(('{' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || ',' || (:o || '00') || '}')::uuid[]);

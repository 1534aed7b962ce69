import Postgres

/// What follows a confirmed order: its shipments and refunds.
let fulfilmentMigration = Migration(
  "0005-fulfilment",
  """
  -- Which shipment or refund a key of staff has begun: at most one ever.
  CREATE TABLE order_commands (
    principal text NOT NULL,
    idem_key text NOT NULL,
    fingerprint bytea NOT NULL,
    order_id uuid NOT NULL REFERENCES orders,
    kind text NOT NULL CHECK (kind IN ('ship', 'refund')),
    ref_id uuid NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, idem_key)
  );
  CREATE INDEX order_commands_order ON order_commands (order_id);
  GRANT SELECT, INSERT ON order_commands TO order_app;

  CREATE TABLE shipments (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    state text NOT NULL CHECK (state IN ('pending', 'shipped', 'delivered', 'failed')),
    carrier text NOT NULL,
    tracking_number text NOT NULL,
    tracking_url text,
    -- What its capture takes, under this id; 0 where the money was taken before.
    share bigint NOT NULL CHECK (share >= 0),
    capture_id uuid NOT NULL UNIQUE,
    failure text CHECK (failure IN (
      'declined', 'payment_refused', 'over_shipped', 'hold_closed', 'exceeds_captured')),
    decline_code text,
    created_at timestamptz NOT NULL DEFAULT now(),
    shipped_at timestamptz,
    delivered_at timestamptz,
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state IN ('shipped', 'delivered')) = (shipped_at IS NOT NULL)),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
  );
  CREATE INDEX shipments_order ON shipments (order_id);
  CREATE TABLE shipment_lines (
    shipment_id uuid NOT NULL REFERENCES shipments,
    line_id uuid NOT NULL REFERENCES order_lines,
    quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    PRIMARY KEY (shipment_id, line_id)
  );
  CREATE INDEX shipment_lines_line ON shipment_lines (line_id);
  GRANT SELECT, INSERT, UPDATE ON shipments TO order_app;
  GRANT SELECT, INSERT ON shipment_lines TO order_app;

  CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders,
    state text NOT NULL CHECK (state IN ('pending', 'succeeded', 'failed')),
    amount bigint NOT NULL CHECK (amount > 0),
    restock boolean NOT NULL,
    reason text,
    failure text CHECK (failure IN (
      'declined', 'payment_refused', 'over_shipped', 'hold_closed', 'exceeds_captured')),
    decline_code text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state = 'pending') = (finished_at IS NULL))
  );
  CREATE INDEX refunds_order ON refunds (order_id);
  CREATE TABLE refund_lines (
    refund_id uuid NOT NULL REFERENCES refunds,
    line_id uuid NOT NULL REFERENCES order_lines,
    quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    PRIMARY KEY (refund_id, line_id)
  );
  CREATE INDEX refund_lines_line ON refund_lines (line_id);
  GRANT SELECT, INSERT, UPDATE ON refunds TO order_app;
  GRANT SELECT, INSERT ON refund_lines TO order_app;
  """)

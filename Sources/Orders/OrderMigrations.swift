import Postgres

/// The order service's own tables, in the schema `orders`. Append only.
let orderMigrations: [Migration] = [
  Migration(
    "0001-orders",
    """
    CREATE TABLE orders (
      id uuid PRIMARY KEY,
      number bigint GENERATED ALWAYS AS IDENTITY (START WITH 10001) UNIQUE,
      -- Whose key it is; with the key, at most one order ever.
      principal text NOT NULL,
      idem_key text NOT NULL,
      fingerprint bytea NOT NULL,
      capture_mode text NOT NULL CHECK (capture_mode IN ('automatic', 'manual')),
      user_id uuid,
      email text,
      locale text,
      note text,
      currency text NOT NULL,
      subtotal bigint NOT NULL CHECK (subtotal >= 0),
      discount bigint NOT NULL DEFAULT 0 CHECK (discount >= 0),
      shipping bigint NOT NULL DEFAULT 0 CHECK (shipping >= 0),
      tax bigint NOT NULL DEFAULT 0 CHECK (tax >= 0),
      tax_added bigint NOT NULL DEFAULT 0 CHECK (tax_added >= 0),
      total bigint NOT NULL,
      payment_id uuid NOT NULL CONSTRAINT orders_payment_id_key UNIQUE,
      -- The payment's absolute figures as of its version; 0 before it has told any.
      authorized bigint NOT NULL DEFAULT 0,
      captured bigint NOT NULL DEFAULT 0,
      refunded bigint NOT NULL DEFAULT 0,
      payment_voided boolean NOT NULL DEFAULT false,
      payment_version bigint NOT NULL DEFAULT 0,
      state text NOT NULL CHECK (state IN (
        'pending', 'awaiting_payment', 'confirmed', 'partially_shipped', 'shipped', 'delivered',
        'cancelling', 'cancelled')),
      cancel_requested boolean NOT NULL DEFAULT false,
      cancel_note text,
      cancel_reason text CHECK (cancel_reason IN (
        'insufficient_stock', 'payment_declined', 'payment_refused', 'capture_refused',
        'hold_lost', 'timed_out', 'requested')),
      decline_code text,
      shortages jsonb,
      attention boolean NOT NULL DEFAULT false,
      version bigint NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT orders_key UNIQUE (principal, idem_key),
      CONSTRAINT orders_total CHECK (
        total = subtotal - discount + shipping + tax_added AND total >= 0),
      CONSTRAINT orders_paid CHECK (
        0 <= refunded AND refunded <= captured AND captured <= total),
      CHECK ((cancel_reason IS NULL) = (state NOT IN ('cancelling', 'cancelled')))
    );
    CREATE INDEX orders_user ON orders (user_id, created_at DESC, id DESC);
    CREATE INDEX orders_state ON orders (state, created_at);
    CREATE INDEX orders_created ON orders (created_at, id);
    CREATE INDEX orders_email ON orders (email);
    GRANT SELECT, INSERT, UPDATE ON orders TO order_app;

    CREATE TABLE order_lines (
      id uuid PRIMARY KEY,
      order_id uuid NOT NULL REFERENCES orders,
      -- The item's place in the request, from 0.
      position int NOT NULL,
      variant_id bigint NOT NULL,
      product_id bigint NOT NULL,
      name text NOT NULL,
      sku text NOT NULL,
      unit_amount bigint NOT NULL CHECK (unit_amount >= 0),
      quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
      discount bigint NOT NULL DEFAULT 0 CHECK (discount >= 0),
      tax bigint NOT NULL DEFAULT 0 CHECK (tax >= 0),
      total bigint NOT NULL,
      shipped int NOT NULL DEFAULT 0,
      refunded_qty int NOT NULL DEFAULT 0,
      UNIQUE (order_id, position),
      UNIQUE (order_id, variant_id),
      CHECK (total = unit_amount * quantity - discount),
      CHECK (shipped <= quantity AND refunded_qty <= shipped AND refunded_qty >= 0)
    );
    GRANT SELECT, INSERT, UPDATE (shipped, refunded_qty) ON order_lines TO order_app;

    CREATE TABLE order_addresses (
      order_id uuid NOT NULL REFERENCES orders,
      kind text NOT NULL CHECK (kind IN ('shipping', 'billing')),
      name text NOT NULL,
      line1 text NOT NULL,
      line2 text,
      city text NOT NULL,
      region text,
      postal_code text NOT NULL,
      country text NOT NULL,
      phone text,
      PRIMARY KEY (order_id, kind)
    );
    GRANT SELECT, INSERT, UPDATE ON order_addresses TO order_app;

    CREATE TABLE order_history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      order_id uuid NOT NULL REFERENCES orders,
      at timestamptz NOT NULL DEFAULT now(),
      from_state text,
      to_state text NOT NULL,
      actor text NOT NULL,
      reason text
    );
    CREATE INDEX order_history_order ON order_history (order_id, id);
    GRANT SELECT, INSERT ON order_history TO order_app;
    """),
  Migration(
    "0002-sagas",
    """
    CREATE TABLE sagas (
      id uuid PRIMARY KEY,
      kind text NOT NULL CHECK (kind IN ('checkout', 'cancel', 'ship', 'refund')),
      -- The order, shipment or refund that it is about.
      ref_id uuid NOT NULL,
      order_id uuid NOT NULL REFERENCES orders,
      step text NOT NULL,
      direction text NOT NULL CHECK (direction IN ('forward', 'backward')),
      state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
      parked_at timestamptz,
      deadline timestamptz,
      next_run_at timestamptz NOT NULL DEFAULT now(),
      -- An event came while the saga was leased: it is due at once when it is given back.
      woken boolean NOT NULL DEFAULT false,
      lease_until timestamptz NOT NULL DEFAULT now(),
      epoch bigint NOT NULL DEFAULT 1,
      -- Calls in a row that told nothing.
      attempts int NOT NULL DEFAULT 0,
      progressed_at timestamptz NOT NULL DEFAULT now(),
      last_error text,
      log jsonb NOT NULL DEFAULT '[]',
      -- What a repeated call needs, the payment token included: erased when done, never logged.
      input jsonb,
      -- What the customer has to do for the payment, while the order awaits it.
      next_action jsonb,
      traceparent text,
      created_at timestamptz NOT NULL DEFAULT now(),
      finished_at timestamptz,
      UNIQUE (kind, ref_id),
      CONSTRAINT sagas_forget CHECK (
        (state = 'running') = (input IS NOT NULL) AND (state = 'running' OR next_action IS NULL))
    );
    CREATE UNIQUE INDEX sagas_one_running ON sagas (order_id) WHERE state = 'running';
    CREATE INDEX sagas_due ON sagas (next_run_at) WHERE state = 'running';
    GRANT SELECT, INSERT, UPDATE ON sagas TO order_app;
    """),
]

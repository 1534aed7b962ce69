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
  Migration(
    "0003-carts",
    """
    CREATE TABLE shipping_methods (
      id uuid PRIMARY KEY,
      name text NOT NULL,
      -- ISO 3166-1 alpha-2; none: everywhere.
      countries text[] NOT NULL,
      currency text NOT NULL,
      price bigint NOT NULL CHECK (price >= 0),
      free_from bigint CHECK (free_from >= 0),
      version int NOT NULL DEFAULT 1
    );
    CREATE TABLE tax_rates (
      id uuid PRIMARY KEY,
      country text NOT NULL,
      -- '' for the whole country.
      region text NOT NULL DEFAULT '' CHECK (region = upper(region)),
      basis_points int NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
      included_in_price boolean NOT NULL,
      version int NOT NULL DEFAULT 1,
      CONSTRAINT tax_rates_place UNIQUE (country, region)
    );
    CREATE TABLE coupons (
      code text PRIMARY KEY CHECK (code = upper(code)),
      percent int CHECK (percent BETWEEN 1 AND 100),
      amount bigint CHECK (amount > 0),
      currency text,
      min_subtotal bigint CHECK (min_subtotal >= 0),
      starts_at timestamptz,
      ends_at timestamptz,
      max_uses int,
      max_uses_per_customer int,
      used int NOT NULL DEFAULT 0 CHECK (used >= 0),
      version int NOT NULL DEFAULT 1,
      CONSTRAINT coupons_used CHECK (used <= max_uses),
      CHECK ((percent IS NULL) <> (amount IS NULL)),
      CHECK (currency IS NOT NULL OR (amount IS NULL AND min_subtotal IS NULL))
    );
    GRANT SELECT, INSERT, UPDATE, DELETE ON shipping_methods, tax_rates, coupons TO order_app;

    CREATE TABLE carts (
      id uuid PRIMARY KEY,
      user_id uuid,
      currency text NOT NULL,
      status text NOT NULL CHECK (status IN ('open', 'locked', 'converted', 'abandoned')),
      coupon_code text,
      -- Where it goes, and how: {address, methodId}.
      shipping jsonb,
      -- The order in checkout, or the one that bought it.
      order_id uuid,
      merged_into uuid REFERENCES carts,
      version int NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT carts_order CHECK ((order_id IS NOT NULL) = (status IN ('locked', 'converted')))
    );
    CREATE UNIQUE INDEX carts_one_open ON carts (user_id) WHERE status = 'open';
    -- Partial, so that locking a cart for an order is no change of a key: orders refer to it meanwhile.
    CREATE UNIQUE INDEX carts_order_once ON carts (order_id) WHERE order_id IS NOT NULL;
    CREATE TABLE cart_lines (
      cart_id uuid NOT NULL REFERENCES carts,
      variant_id bigint NOT NULL,
      quantity int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
      -- In the order they were added.
      position bigint NOT NULL,
      PRIMARY KEY (cart_id, variant_id)
    );
    GRANT SELECT, INSERT, UPDATE ON carts TO order_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON cart_lines TO order_app;

    ALTER TABLE orders
      ADD COLUMN cart_id uuid REFERENCES carts,
      ADD COLUMN coupon_code text,
      -- As it was when the order was accepted; it may be gone by now.
      ADD COLUMN shipping_method_id uuid,
      ADD COLUMN shipping_method text;
    CREATE INDEX orders_cart ON orders (cart_id) WHERE cart_id IS NOT NULL;

    CREATE TABLE coupon_uses (
      code text NOT NULL REFERENCES coupons,
      order_id uuid NOT NULL REFERENCES orders,
      -- 'user:<id>', or 'email:<address>' of a guest.
      customer text NOT NULL,
      at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT coupon_uses_once UNIQUE (code, order_id)
    );
    -- An order uses one coupon at most.
    CREATE UNIQUE INDEX coupon_uses_order ON coupon_uses (order_id);
    CREATE INDEX coupon_uses_customer ON coupon_uses (code, customer);
    GRANT SELECT, INSERT, DELETE ON coupon_uses TO order_app;
    """),
  Migration(
    "0004-deleted-users",
    """
    CREATE TABLE deleted_users (
      user_id uuid PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now()
    );
    ALTER TABLE orders ADD COLUMN anonymised_at timestamptz;
    CREATE INDEX carts_addressed ON carts (user_id) WHERE shipping IS NOT NULL;
    GRANT SELECT, INSERT ON deleted_users TO order_app;
    """),
  fulfilmentMigration,
  Migration(
    "0006-cart-purge",
    """
    CREATE INDEX carts_untouched ON carts (updated_at) WHERE status IN ('open', 'abandoned');
    CREATE INDEX carts_merged ON carts (merged_into) WHERE merged_into IS NOT NULL;
    GRANT DELETE ON carts TO order_app;
    """),
  Migration(
    "0007-lease-holders",
    """
    ALTER TABLE sagas ADD COLUMN holder text;
    """),
  Migration(
    "0008-bounded-looks",
    """
    -- When nothing was left of the user: nobody looks any more.
    ALTER TABLE deleted_users ADD COLUMN done_at timestamptz;
    CREATE INDEX deleted_users_left ON deleted_users (user_id) WHERE done_at IS NULL;
    GRANT UPDATE (done_at) ON deleted_users TO order_app;
    CREATE INDEX sagas_parked ON sagas (id) WHERE parked_at IS NOT NULL;
    CREATE INDEX orders_attention ON orders (created_at, id) WHERE attention;
    """),
]

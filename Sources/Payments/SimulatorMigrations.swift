package import Postgres

/// The schema `sim`, owned by the role of the provider simulator: what the provider knows. The
/// payment service's own role cannot read it.
package let simulatorMigrations: [Migration] = [
  Migration(
    "0001-simulator",
    """
    CREATE TABLE charges (
      authorization_id uuid PRIMARY KEY,
      reference text NOT NULL GENERATED ALWAYS AS ('ch_' || authorization_id::text) STORED,
      token text NOT NULL,
      amount bigint NOT NULL CHECK (amount > 0),
      currency text NOT NULL,
      state text NOT NULL CHECK (state IN ('requires_action', 'authorized', 'declined', 'voided')),
      captured bigint NOT NULL DEFAULT 0,
      refunded bigint NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL
    );

    -- One row for each idempotency key: the request, and what was made of it.
    CREATE TABLE keys (
      key uuid PRIMARY KEY,
      kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
      authorization_id uuid NOT NULL,
      amount bigint NOT NULL,
      outcome text NOT NULL
        CHECK (outcome IN ('failing', 'succeeded', 'requires_action', 'pending', 'declined')),
      decline_code text,
      attempts integer NOT NULL DEFAULT 1,
      ready_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL
    );

    -- Notices to the merchant, to be delivered from `deliver_at` on.
    CREATE TABLE events (
      id uuid PRIMARY KEY,
      key uuid NOT NULL,
      outcome text NOT NULL,
      deliver_at timestamptz NOT NULL,
      delivered_at timestamptz
    );
    CREATE INDEX events_due ON events (deliver_at) WHERE delivered_at IS NULL;
    """),
  Migration(
    "0002-deliveries",
    """
    -- How often a notice was sent.
    ALTER TABLE events ADD COLUMN attempts integer NOT NULL DEFAULT 0;
    CREATE INDEX charges_created ON charges (created_at);
    """),
]

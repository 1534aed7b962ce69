package import Postgres

/// The tables that every service's schema has: its outbox, its places in other services' feeds, its
/// idempotency keys and its audit log.
///
/// - Parameter appRole: the role that the service runs as; it gets exactly the rights it uses.
package func commonMigrations(appRole: String) -> [Migration] {
  [
    Migration(
      "kit-0001-outbox",
      """
      CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL UNIQUE,
        position bigint UNIQUE,
        type text NOT NULL,
        subject text NOT NULL,
        version bigint NOT NULL,
        data jsonb NOT NULL,
        traceparent text,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX outbox_unnumbered ON outbox (id) WHERE position IS NULL;
      CREATE TABLE feed_head (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        position bigint NOT NULL DEFAULT 0
      );
      INSERT INTO feed_head DEFAULT VALUES;
      GRANT SELECT, INSERT, UPDATE (position) ON outbox TO \(appRole);
      GRANT SELECT, UPDATE ON feed_head TO \(appRole);
      """),
    Migration(
      "kit-0002-consumers",
      """
      CREATE TABLE consumer_offsets (
        source text PRIMARY KEY,
        position bigint NOT NULL DEFAULT 0,
        high_position bigint NOT NULL DEFAULT 0,
        lease_until timestamptz NOT NULL DEFAULT '-infinity',
        epoch bigint NOT NULL DEFAULT 0,
        failures int NOT NULL DEFAULT 0
      );
      CREATE TABLE dead_letters (
        source text NOT NULL,
        position bigint NOT NULL,
        event jsonb NOT NULL,
        error text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (source, position)
      );
      GRANT SELECT, INSERT, UPDATE ON consumer_offsets TO \(appRole);
      GRANT SELECT, INSERT, DELETE ON dead_letters TO \(appRole);
      """),
    Migration(
      "kit-0003-idempotency",
      """
      CREATE TABLE idempotency_keys (
        principal text NOT NULL,
        key text NOT NULL,
        fingerprint bytea NOT NULL,
        status int,
        headers text,
        body bytea,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (principal, key)
      );
      CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
      GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO \(appRole);
      """),
    Migration(
      "kit-0004-audit",
      """
      CREATE TABLE audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        action text NOT NULL,
        subject text NOT NULL,
        detail jsonb
      );
      GRANT SELECT, INSERT ON audit_log TO \(appRole);
      """),
    Migration(
      "kit-0005-readiness",
      """
      -- A service tells by it whether its schema is up to date.
      GRANT SELECT ON schema_migrations TO \(appRole);
      """),
    Migration(
      "kit-0006-dead-letter-retries",
      """
      ALTER TABLE dead_letters ADD COLUMN retry_at timestamptz;
      GRANT UPDATE ON dead_letters TO \(appRole);
      """),
    Migration(
      "kit-0007-readers",
      """
      ALTER TABLE consumer_offsets
        ADD COLUMN holder text,
        -- What it reads; NULL until it has.
        ADD COLUMN types text[];
      """),
    Migration(
      "kit-0008-parked-replays",
      """
      ALTER TABLE dead_letters
        -- Whether the reader had been this far before.
        ADD COLUMN is_replay boolean NOT NULL DEFAULT false;
      """),
  ]
}

import Postgres

/// The notification schema's history. Append only: an applied migration never changes.
let notificationMigrations: [Migration] = [
  Migration(
    "0001-notifications",
    """
    CREATE TABLE notifications (
      id uuid PRIMARY KEY,
      event_id uuid NOT NULL,
      type text NOT NULL,
      channel text NOT NULL CHECK (channel IN ('log', 'email')),
      recipient text NOT NULL,
      user_id uuid,
      locale text NOT NULL DEFAULT 'en',
      params jsonb NOT NULL,
      state text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'skipped', 'replayed')),
      attempts int NOT NULL DEFAULT 0,
      next_run_at timestamptz NOT NULL DEFAULT now(),
      last_error text,
      read_at timestamptz,
      sent_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT notifications_once UNIQUE (event_id, type, channel, recipient)
    );
    CREATE INDEX notifications_due ON notifications (next_run_at) WHERE state = 'queued';
    CREATE INDEX notifications_user ON notifications (user_id, id DESC);
    GRANT SELECT, INSERT, UPDATE ON notifications TO notification_app;
    """),
  Migration(
    "0002-webhooks",
    """
    CREATE TABLE webhook_endpoints (
      id uuid PRIMARY KEY,
      url text NOT NULL,
      types text[] NOT NULL CHECK (cardinality(types) > 0),
      description text NOT NULL,
      state text NOT NULL CHECK (state IN ('enabled', 'disabled')),
      -- Sealed; the previous one signs too until its time is over.
      secret bytea NOT NULL,
      previous_secret bytea,
      previous_secret_until timestamptz,
      -- What has been committed since then of its types goes to it.
      subscribed_at timestamptz NOT NULL DEFAULT now(),
      failing_since timestamptz,
      version int NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now(),
      CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
    );
    CREATE TABLE webhook_deliveries (
      id uuid PRIMARY KEY,
      endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE CASCADE,
      event_id uuid NOT NULL,
      type text NOT NULL,
      -- As it is posted and signed, so not jsonb.
      body text NOT NULL,
      state text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'replayed')),
      attempts int NOT NULL DEFAULT 0,
      next_run_at timestamptz NOT NULL DEFAULT now(),
      last_status int,
      last_body text CHECK (octet_length(last_body) <= 2048),
      last_error text,
      sent_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT webhook_deliveries_once UNIQUE (endpoint_id, event_id)
    );
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_run_at) WHERE state = 'queued';
    CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, id DESC);
    GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoints TO notification_app;
    GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO notification_app;
    """),
  Migration(
    "0003-templates-and-preferences",
    """
    CREATE TABLE templates (
      type text NOT NULL,
      channel text NOT NULL,
      locale text NOT NULL,
      subject text NOT NULL,
      body text NOT NULL,
      version int NOT NULL DEFAULT 1,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (type, channel, locale)
    );
    CREATE TABLE preferences (
      user_id uuid NOT NULL,
      type text NOT NULL,
      channel text NOT NULL,
      enabled boolean NOT NULL,
      PRIMARY KEY (user_id, type, channel)
    );
    -- Of the events notification.sent and .failed.
    ALTER TABLE notifications ADD COLUMN version int NOT NULL DEFAULT 0;
    GRANT SELECT, INSERT, UPDATE ON templates TO notification_app;
    GRANT SELECT, INSERT, DELETE ON preferences TO notification_app;
    """),
  Migration(
    "0004-turns-of-endpoints",
    """
    -- What waits is looked for endpoint by endpoint.
    DROP INDEX webhook_deliveries_due;
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_run_at)
      WHERE state = 'queued';
    """),
]

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
    """)
]

import Postgres

/// The users schema's history. Append only: an applied migration never changes.
let userMigrations: [Migration] = [
  Migration(
    "0001-users",
    """
    CREATE TABLE users (
      id uuid PRIMARY KEY,
      email text NOT NULL CONSTRAINT users_email_key UNIQUE CHECK (email = lower(email)),
      password_hash text NOT NULL,
      name text NOT NULL,
      role text NOT NULL CHECK (role IN ('customer', 'staff', 'admin')),
      status text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
      email_verified_at timestamptz,
      locale text NOT NULL DEFAULT 'en',
      version int NOT NULL DEFAULT 1,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE sessions (
      id uuid PRIMARY KEY,
      user_id uuid NOT NULL REFERENCES users,
      refresh_sha256 bytea NOT NULL UNIQUE,
      user_agent text,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz
    );
    CREATE INDEX sessions_user ON sessions (user_id);
    CREATE TABLE login_attempts (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      account text NOT NULL,
      ip_prefix text NOT NULL,
      at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX login_attempts_account ON login_attempts (account, at);
    CREATE INDEX login_attempts_prefix ON login_attempts (ip_prefix, at);
    CREATE TABLE signing_keys (
      kid text PRIMARY KEY,
      public bytea NOT NULL,
      private bytea NOT NULL,
      active_from timestamptz NOT NULL DEFAULT now(),
      retired_at timestamptz
    );
    GRANT SELECT, INSERT, UPDATE ON users, sessions, signing_keys TO user_app;
    GRANT SELECT, INSERT, DELETE ON login_attempts TO user_app;
    """),
  Migration(
    "0002-addresses",
    """
    CREATE TABLE addresses (
      id uuid PRIMARY KEY,
      user_id uuid NOT NULL REFERENCES users,
      name text NOT NULL,
      line1 text NOT NULL,
      line2 text,
      city text NOT NULL,
      region text,
      postal_code text NOT NULL,
      country text NOT NULL,
      phone text,
      is_default boolean NOT NULL
    );
    CREATE INDEX addresses_user ON addresses (user_id);
    CREATE UNIQUE INDEX addresses_default ON addresses (user_id) WHERE is_default;
    GRANT SELECT, INSERT, UPDATE, DELETE ON addresses TO user_app;
    """),
  Migration(
    "0003-account-actions",
    """
    CREATE TABLE actions (
      id uuid PRIMARY KEY,
      user_id uuid NOT NULL REFERENCES users,
      kind text NOT NULL CHECK (kind IN ('verify_email', 'reset_password')),
      expires_at timestamptz NOT NULL,
      used_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX actions_user ON actions (user_id);
    ALTER TABLE sessions ADD COLUMN ip_prefix text;
    -- When nobody got in for a while after too many wrong passwords.
    ALTER TABLE users ADD COLUMN locked_at timestamptz;
    -- False while a password is being looked at; all so far were.
    ALTER TABLE login_attempts ADD COLUMN failed boolean NOT NULL DEFAULT true;
    ALTER TABLE login_attempts ALTER COLUMN failed SET DEFAULT false;
    GRANT SELECT, INSERT, UPDATE, DELETE ON actions TO user_app;
    GRANT UPDATE ON login_attempts TO user_app;
    """),
]

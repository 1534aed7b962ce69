package import Postgres

/// The payment service's own tables, in the schema `payment`. Append only.
package let paymentMigrations: [Migration] = [
  Migration(
    "0001-payments",
    """
    CREATE TABLE payments (
      id uuid PRIMARY KEY,
      request_hash bytea,
      order_id uuid NOT NULL CONSTRAINT payments_order_id_key UNIQUE,
      user_id uuid,
      currency text NOT NULL,
      amount bigint NOT NULL,
      authorized bigint NOT NULL DEFAULT 0,
      captured bigint NOT NULL DEFAULT 0,
      refunded bigint NOT NULL DEFAULT 0,
      state text NOT NULL CHECK (state IN (
        'created', 'authorizing', 'requires_action', 'authorized', 'captured',
        'partially_refunded', 'refunded', 'declined', 'cancelling', 'cancelled', 'expired')),
      capture_mode text NOT NULL CHECK (capture_mode IN ('automatic', 'manual')),
      provider_ref text,
      next_action jsonb,
      expires_at timestamptz NOT NULL,
      version bigint NOT NULL,
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      CONSTRAINT payments_figures CHECK (
        0 <= refunded AND refunded <= captured AND captured <= authorized AND authorized <= amount)
    );
    CREATE INDEX payments_state ON payments (state, expires_at);
    CREATE INDEX payments_user ON payments (user_id, id DESC);
    GRANT SELECT, INSERT, UPDATE ON payments TO payment_app;

    CREATE TABLE payment_operations (
      id uuid CONSTRAINT payment_operations_pkey PRIMARY KEY,
      payment_id uuid NOT NULL REFERENCES payments,
      kind text NOT NULL CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
      amount bigint NOT NULL CHECK (amount > 0),
      state text NOT NULL CHECK (state IN ('pending', 'waiting', 'succeeded', 'failed')),
      token text,
      provider_ref text,
      decline_code text,
      attempts integer NOT NULL DEFAULT 0,
      next_run_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL,
      CONSTRAINT payment_operations_token_erased
        CHECK (token IS NULL OR state IN ('pending', 'waiting'))
    );
    CREATE INDEX payment_operations_payment ON payment_operations (payment_id);
    CREATE UNIQUE INDEX payment_operations_one_authorize
      ON payment_operations (payment_id) WHERE kind = 'authorize';
    CREATE INDEX payment_operations_due
      ON payment_operations (next_run_at) WHERE state = 'pending';
    GRANT SELECT, INSERT, UPDATE ON payment_operations TO payment_app;
    """),
  Migration(
    "0002-ledger",
    """
    CREATE TABLE ledger_accounts (
      id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      code text NOT NULL CHECK (code IN (
        'provider_clearing', 'customer_funds', 'auth_hold', 'auth_hold_contra')),
      currency text NOT NULL,
      UNIQUE (code, currency)
    );

    CREATE TABLE ledger_journals (
      id uuid PRIMARY KEY,
      operation_id uuid NOT NULL UNIQUE REFERENCES payment_operations,
      payment_id uuid NOT NULL REFERENCES payments,
      kind text NOT NULL,
      at timestamptz NOT NULL
    );
    CREATE INDEX ledger_journals_payment ON ledger_journals (payment_id);
    CREATE INDEX ledger_journals_at ON ledger_journals (at);

    CREATE TABLE ledger_entries (
      journal_id uuid NOT NULL REFERENCES ledger_journals,
      line smallint NOT NULL,
      account_id integer NOT NULL REFERENCES ledger_accounts,
      -- Minor units: debit positive, credit negative.
      amount bigint NOT NULL CHECK (amount <> 0),
      PRIMARY KEY (journal_id, line)
    );
    CREATE INDEX ledger_entries_account ON ledger_entries (account_id);

    -- Checked at commit, when all lines of a journal are there.
    CREATE FUNCTION ledger_journal_balances() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
    BEGIN
      IF EXISTS (
        SELECT FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
        WHERE e.journal_id = NEW.journal_id
        GROUP BY a.currency HAVING sum(e.amount) <> 0
      ) THEN
        RAISE EXCEPTION 'a journal does not sum to zero'
          USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journal_balances';
      END IF;
      RETURN NULL;
    END
    $$;
    CREATE CONSTRAINT TRIGGER ledger_journal_balances
      AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION ledger_journal_balances();

    -- No UPDATE, no DELETE: what was booked wrongly is corrected by a further journal.
    GRANT SELECT, INSERT ON ledger_accounts, ledger_journals, ledger_entries TO payment_app;
    """),
  Migration(
    "0003-provider-events",
    """
    CREATE TABLE provider_events (
      provider text NOT NULL,
      event_id text NOT NULL,
      received_at timestamptz NOT NULL,
      payload jsonb NOT NULL,
      PRIMARY KEY (provider, event_id)
    );
    GRANT SELECT, INSERT ON provider_events TO payment_app;
    """),
  Migration(
    "0004-stalled-cancellations",
    """
    -- When the recovery worker may look at a payment that is being cancelled.
    ALTER TABLE payments ADD COLUMN next_run_at timestamptz NOT NULL DEFAULT '-infinity';
    CREATE INDEX payments_cancelling ON payments (next_run_at) WHERE state = 'cancelling';
    """),
  Migration(
    "0005-staff-operations",
    """
    -- Of what staff began: the hash of their request, by which the same key with another one is
    -- refused, and their reason.
    ALTER TABLE payment_operations ADD COLUMN request_hash bytea, ADD COLUMN reason text;
    """),
  Migration(
    "0006-indexes-and-effects",
    """
    -- Holds that expire, for the recovery worker, whose query says this condition in the same words.
    CREATE INDEX payments_holds ON payments (expires_at)
      WHERE state IN ('authorized', 'requires_action', 'partially_refunded')
        AND (authorized > captured OR state = 'requires_action');
    -- Lists and reconciliations of a time.
    CREATE INDEX payments_created ON payments (created_at);
    -- What came of a provider's notice; null for those that came before.
    ALTER TABLE provider_events ADD COLUMN effect text;
    """),
]

import Postgres
import SharedKernel

/// The simulator's memory, in its own schema through its own role. Lock order: a new key, then the
/// charge, then keys that were there before.
struct SimulatorRepository: SimulatorStore {
  let database: Database

  func perform(
    _ kind: PaymentOperation.Kind, key: OperationID, authorization: OperationID, amount: Money,
    token: String?, delays: SimulatorDelays, now: Timestamp
  ) async throws -> SimulatorRecord {
    try await database.transaction { transaction in
      // Locks the key's row: the same key sent twice at once is done by one, read by the other.
      let attempts: Int =
        try await transaction.value(
          """
          INSERT INTO keys (key, kind, authorization_id, amount, outcome, ready_at, created_at)
          VALUES (\(key.uuid), \(kind), \(authorization.uuid), \(amount.minorUnits), 'failing',
            \(now), \(now))
          ON CONFLICT (key) DO UPDATE SET attempts = keys.attempts + 1
          RETURNING attempts
          """) ?? 1
      // A key that was new a moment ago has failed at nothing else yet.
      if attempts > 1 {
        let known = try await existing(key, in: transaction)
        guard known.outcome == .failing else { return known }
      }
      let usedToken: String =
        try await transaction.value(
          "SELECT token FROM charges WHERE authorization_id = \(authorization.uuid) FOR UPDATE")
        ?? token ?? ""
      let verdict = SimulatorVerdict(kind, token: usedToken, attempt: attempts, delays: delays)
      try await apply(
        verdict, kind, authorization: authorization, amount: amount, token: usedToken, now: now,
        in: transaction)
      try await store(verdict, key: key, readyAt: now + verdict.readyAfter, in: transaction)
      return try await existing(key, in: transaction)
    }
  }

  private func existing(
    _ key: OperationID, in transaction: Transaction
  ) async throws -> SimulatorRecord {
    guard let known = try await record(of: key, in: transaction) else {
      throw GatewayError.unavailable("the simulator lost a key")
    }
    return known
  }

  func record(of key: OperationID, now: Timestamp) async throws -> SimulatorRecord? {
    guard let known = try await record(of: key, in: database) else { return nil }
    guard known.outcome == .pending, known.readyAt <= now else { return known }
    return try await database.transaction { transaction in
      try await finishRefund(key, in: transaction)
      return try await record(of: key, in: transaction)
    }
  }

  func answerChallenge(
    of authorization: OperationID, approve: Bool, now: Timestamp
  ) async throws {
    try await database.transaction { transaction in
      let verdict: (SimulatorVerdict.Outcome, String?, String) =
        approve
        ? (.succeeded, nil, "authorized") : (.declined, "authentication_failed", "declined")
      try await transaction.send(
        """
        SELECT FROM charges WHERE authorization_id = \(authorization.uuid) FOR UPDATE
        """)
      let changed = try await transaction.execute(
        """
        UPDATE keys SET outcome = \(verdict.0), decline_code = \(verdict.1)
        WHERE key = \(authorization.uuid) AND outcome = 'requires_action'
        """)
      guard changed == 1 else { return }
      try await transaction.send(
        """
        UPDATE charges SET state = \(verdict.2)
        WHERE authorization_id = \(authorization.uuid)
        """)
      try await note(verdict.0, of: authorization, deliverAt: now, in: transaction)
    }
  }

  func charges(from: Timestamp, to: Timestamp, limit: Int) async throws -> [ProviderCharge] {
    try await database.query(
      """
      SELECT authorization_id, reference, currency,
        CASE state WHEN 'authorized' THEN amount - captured ELSE 0 END, captured, refunded,
        created_at
      FROM charges WHERE created_at >= \(from) AND created_at < \(to)
      ORDER BY created_at LIMIT \(limit)
      """
    ) { row in
      ProviderCharge(
        authorization: try row.next(), reference: try row.next(), currency: try row.next(),
        figures: ReconciledFigures(
          held: try row.next(), captured: try row.next(), refunded: try row.next()),
        createdAt: try row.next())
    }
  }

  // MARK: What a request does

  private func apply(
    _ verdict: SimulatorVerdict, _ kind: PaymentOperation.Kind, authorization: OperationID,
    amount: Money, token: String, now: Timestamp, in transaction: Transaction
  ) async throws {
    switch (kind, verdict.outcome) {
    case (.authorize, .failing), (.authorize, .pending): break
    case (.authorize, let outcome):
      let state =
        switch outcome {
        case .requiresAction: "requires_action"
        case .declined: "declined"
        case .succeeded, .failing, .pending: "authorized"
        }
      try await transaction.send(
        """
        INSERT INTO charges (authorization_id, token, amount, currency, state, created_at)
        VALUES (\(authorization.uuid), \(token), \(amount.minorUnits),
          \(amount.currency.code), \(state), \(now))
        """)
    case (.capture, .succeeded):
      try await transaction.send(
        """
        UPDATE charges SET captured = captured + \(amount.minorUnits)
        WHERE authorization_id = \(authorization.uuid)
        """)
    case (.refund, .succeeded):
      try await transaction.send(
        """
        UPDATE charges SET refunded = refunded + \(amount.minorUnits)
        WHERE authorization_id = \(authorization.uuid)
        """)
    case (.void, .succeeded):
      try await transaction.send(
        """
        UPDATE charges SET state = 'voided'
        WHERE authorization_id = \(authorization.uuid) AND state <> 'declined'
        """)
      // A customer who has not answered yet comes too late now.
      try await transaction.send(
        """
        UPDATE keys SET outcome = 'declined', decline_code = 'voided'
        WHERE key = \(authorization.uuid) AND outcome = 'requires_action'
        """)
    case (_, _): break
    }
  }

  private func store(
    _ verdict: SimulatorVerdict, key: OperationID, readyAt: Timestamp,
    in transaction: Transaction
  ) async throws {
    try await transaction.send(
      """
      UPDATE keys SET outcome = \(verdict.outcome), decline_code = \(verdict.declineCode),
        ready_at = \(readyAt)
      WHERE key = \(key.uuid)
      """)
    if verdict.outcome == .pending {
      try await note(.succeeded, of: key, deliverAt: readyAt, in: transaction)
    }
  }

  func finishRefund(_ key: OperationID, in transaction: Transaction) async throws {
    try await transaction.send(
      """
      SELECT FROM charges
      WHERE authorization_id = (
        SELECT authorization_id FROM keys WHERE key = \(key.uuid) AND outcome = 'pending')
      FOR UPDATE
      """)
    try await transaction.send(
      """
      WITH finished AS (
        UPDATE keys SET outcome = 'succeeded' WHERE key = \(key.uuid) AND outcome = 'pending'
        RETURNING authorization_id, amount
      )
      UPDATE charges SET refunded = refunded + finished.amount
      FROM finished WHERE charges.authorization_id = finished.authorization_id
      """)
  }

  private func note(
    _ outcome: SimulatorVerdict.Outcome, of key: OperationID, deliverAt: Timestamp,
    in transaction: Transaction
  ) async throws {
    try await transaction.send(
      """
      INSERT INTO events (id, key, outcome, deliver_at)
      VALUES (\(UUID128.v7()), \(key.uuid), \(outcome), \(deliverAt))
      """)
  }

  private func record(
    of key: OperationID, in runner: any SQLRunner
  ) async throws -> SimulatorRecord? {
    try await runner.first(
      """
      SELECT keys.outcome, keys.decline_code, keys.ready_at, keys.attempts,
        CASE keys.kind WHEN 'authorize' THEN 'ch_' ELSE 'op_' END || keys.key::text,
        coalesce(charges.token, '')
      FROM keys LEFT JOIN charges USING (authorization_id)
      WHERE keys.key = \(key.uuid)
      """
    ) { row in
      SimulatorRecord(
        outcome: try row.next(), declineCode: try row.next(), readyAt: try row.next(),
        attempts: try row.next(), reference: try row.next(), token: try row.next())
    }
  }
}

extension SimulatorVerdict.Outcome: SQLEncodable, SQLDecodable {}

import Postgres
import ServiceKit
import SharedKernel

/// Payments in the schema `payment`. Lock order: the payment's row first, then what hangs on it.
struct PaymentRepository: PaymentStore {
  /// How often a change is run again that lost to another one (40001, 40P01).
  private static let triesMax = 3

  let database: Database
  let outbox: Outbox
  /// When a new operation falls due for the recovery worker.
  let recoveryAge: Duration

  func insert(_ payment: Payment) async throws -> Bool {
    try await database.transaction { transaction in
      let inserted = try await transaction.execute(
        """
        INSERT INTO payments (id, request_hash, order_id, user_id, currency, amount, state,
          capture_mode, expires_at, version, created_at, updated_at)
        VALUES (\(payment.id), \(payment.requestHash), \(payment.orderID), \(payment.userID),
          \(payment.amount.currency), \(payment.amount.minorUnits), \(payment.state),
          \(payment.captureMode), \(payment.expiresAt), \(payment.version),
          \(payment.createdAt), \(payment.createdAt))
        ON CONFLICT DO NOTHING
        """)
      guard inserted == 1 else {
        // Of id and order either may be taken; one that arrived at the same moment took both.
        // (With the id alone as the conflict's target, that one would be a violation of the other.)
        let isThere: Bool? = try await transaction.value(
          "SELECT true FROM payments WHERE id = \(payment.id)")
        guard isThere == true else { throw PaymentError.orderHasPayment }
        return false
      }
      for operation in payment.operations {
        try await insert(operation, of: payment.id, in: transaction)
      }
      try await LedgerRepository(runner: transaction)
        .openAccounts(in: payment.amount.currency)
      return true
    }
  }

  func payment(_ id: PaymentID) async throws -> Payment? {
    try await read(id, in: database)
  }

  func update<Result: Sendable>(
    _ id: PaymentID, _ change: @Sendable (inout Payment) throws -> Result
  ) async throws -> (Payment, Result) {
    var tries = 1
    while true {
      do {
        return try await database.transaction { transaction in
          try await update(id, change, in: transaction)
        }
      } catch let error as PostgresError where error.isRetryable && tries < Self.triesMax {
        tries += 1
      } catch let error as PostgresError
        where error.isUniqueViolation("payment_operations_pkey")
      {
        throw PaymentError.differs("another payment")
      }
    }
  }

  private func update<Result: Sendable>(
    _ id: PaymentID, _ change: @Sendable (inout Payment) throws -> Result,
    in transaction: Transaction
  ) async throws -> (Payment, Result) {
    // A statement of its own: what is read along with a row that had to be waited for would be read as
    // it was before the wait.
    let locked = try await transaction.execute(
      "SELECT FROM payments WHERE id = \(id) FOR UPDATE")
    guard locked == 1, let before = try await read(id, in: transaction) else {
      throw NotFound("payment")
    }
    var payment = before
    let result = try change(&payment)
    guard payment != before else { return (payment, result) }
    try await store(payment, in: transaction)
    for operation in payment.operations {
      switch before.operation(operation.id) {
      case nil: try await insert(operation, of: id, in: transaction)
      case operation: break
      case .some: try await store(operation, in: transaction)
      }
    }
    let ledger = LedgerRepository(runner: transaction)
    for journal in payment.journals { try await ledger.post(journal, of: payment) }
    for event in payment.events {
      try await outbox.append(
        EventDraft(
          type: event.kind.rawValue, subject: id.description, version: event.version,
          data: PaymentEventData(event, of: payment)),
        in: transaction)
    }
    return (payment, result)
  }

  func apply(_ notice: ProviderNotice) async throws -> ProviderNotice.Effect {
    var tries = 1
    while true {
      do {
        return try await database.transaction { try await apply(notice, in: $0) }
      } catch is Repeated {
        return .repeated
      } catch let error as PostgresError where error.isRetryable && tries < Self.triesMax {
        tries += 1
      }
    }
  }

  /// The event is stored already: nothing of this transaction is kept.
  private struct Repeated: Error {}

  private func apply(
    _ notice: ProviderNotice, in transaction: Transaction
  ) async throws -> ProviderNotice.Effect {
    let isKnown: Bool? = try await transaction.value(
      """
      SELECT true FROM provider_events
      WHERE provider = \(notice.provider) AND event_id = \(notice.eventID)
      """)
    guard isKnown == nil else { return .repeated }
    let effect = try await effect(of: notice, in: transaction)
    // Events are only ever added, so this comes last, with what came of it.
    let inserted = try await transaction.execute(
      """
      INSERT INTO provider_events (provider, event_id, received_at, payload, effect)
      VALUES (\(notice.provider), \(notice.eventID), now(), \(JSONText(notice.payload)),
        \(effect.rawValue))
      ON CONFLICT DO NOTHING
      """)
    guard inserted == 1 else { throw Repeated() }
    return effect
  }

  private func effect(
    of notice: ProviderNotice, in transaction: Transaction
  ) async throws -> ProviderNotice.Effect {
    guard let news = notice.news else { return .none }
    let payment: PaymentID? = try await transaction.value(
      "SELECT payment_id FROM payment_operations WHERE id = \(news.operation)")
    guard let payment else { return .unknownOperation }
    return try await update(payment, { $0.settle(news) }, in: transaction).1
  }

  func payments(_ filter: PaymentFilter, page: PageRequest) async throws -> Page<Payment> {
    var conditions: [SQL] = []
    if let userID = filter.userID { conditions.append("user_id = \(userID)") }
    if let orderID = filter.orderID { conditions.append("order_id = \(orderID)") }
    if let state = filter.state { conditions.append("state = \(state)") }
    if let from = filter.from { conditions.append("created_at >= \(from)") }
    if let to = filter.to { conditions.append("created_at < \(to)") }
    let found = try await database.page(
      page, named: "payment.list", by: Self.newestFirst, select: Self.columns, from: "payments p",
      where: conditions,
      // A customer has few.
      countIn: filter.userID == nil ? database.reports : database
    ) { try StoredPayment(&$0) }
    let operations = try await operations(of: found.elements.map(\.id), in: database)
    return try found.map { try $0.payment(with: operations[$0.id] ?? []) }
  }

  private static let newestFirst = Keyset<StoredPayment>(.descending, .init("id", \.id))

  // MARK: For the recovery worker

  func takeDue(limit: Int, now: Timestamp) async throws -> [DueOperation] {
    // Asked again after 5, 10, 20 .. 320 s, spread a little.
    try await database.query(
      """
      UPDATE payment_operations SET attempts = attempts + 1,
        next_run_at = \(now) + make_interval(
          secs => \(recoveryAge / .seconds(1)) * 2 ^ least(attempts, 6) * (1 + random() / 4))
      WHERE id IN (
        SELECT id FROM payment_operations WHERE state = 'pending' AND next_run_at <= \(now)
        ORDER BY next_run_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
      RETURNING payment_id, id
      """
    ) { DueOperation(payment: try $0.next(), operation: try $0.next()) }
  }

  func takeStalledCancellations(
    unmovedSince time: Timestamp, limit: Int, now: Timestamp
  ) async throws -> [PaymentID] {
    // Looked at again after 10 s, the shortest pause that follows a refusal.
    try await database.values(
      """
      UPDATE payments SET next_run_at = \(now) + interval '10 s'
      WHERE id IN (
        SELECT id FROM payments
        WHERE state = 'cancelling' AND updated_at < \(time) AND next_run_at <= \(now)
          AND NOT EXISTS (SELECT FROM payment_operations o
            WHERE o.payment_id = payments.id AND o.state = 'pending')
        ORDER BY next_run_at, updated_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
      RETURNING id
      """)
  }

  func takeExpiredHolds(limit: Int, now: Timestamp) async throws -> [PaymentID] {
    // Looked at again after 10 s, as above.
    try await database.values(
      """
      UPDATE payments SET next_run_at = \(now) + interval '10 s'
      WHERE id IN (\(Self.expiredHolds(limit: limit, now: now)))
      RETURNING id
      """)
  }

  /// Those never tried come first. The first condition is that of the index `payments_holds`, in the
  /// same words: another spelling would read every payment that was ever refunded in part.
  static func expiredHolds(limit: Int, now: Timestamp) -> SQL {
    """
    SELECT id FROM payments
    WHERE state IN ('authorized', 'requires_action', 'partially_refunded')
      AND (authorized > captured OR state = 'requires_action')
      AND expires_at <= \(now) AND next_run_at <= \(now)
    ORDER BY next_run_at, expires_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
    """
  }

  // MARK: Rows

  private static let columns: SQL = """
    p.id, p.request_hash, p.order_id, p.user_id, p.currency, p.amount, p.authorized, p.captured,
    p.refunded, p.state, p.capture_mode, p.provider_ref, p.next_action->>'url', p.expires_at,
    p.version, p.created_at
    """
  private static let operationColumns: SQL = """
    o.id, o.kind, o.amount, o.state, o.token, o.provider_ref, o.decline_code, o.attempts,
    o.created_at, o.request_hash, o.reason
    """

  /// One statement: between two an operation could be settled, and its payment be read as it was before.
  private func read(_ id: PaymentID, in runner: any SQLRunner) async throws -> Payment? {
    let rows = try await runner.query(
      """
      SELECT \(Self.columns), \(Self.operationColumns)
      FROM payments p LEFT JOIN payment_operations o ON o.payment_id = p.id
      WHERE p.id = \(id) ORDER BY o.created_at, o.id
      """
    ) { row in (payment: try StoredPayment(&row), operation: try PaymentOperation(&row)) }
    return try rows.first?.payment.payment(with: rows.compactMap(\.operation))
  }

  private func operations(
    of payments: [PaymentID], in runner: any SQLRunner
  ) async throws -> [PaymentID: [PaymentOperation]] {
    guard !payments.isEmpty else { return [:] }
    let rows = try await runner.query(
      """
      SELECT o.payment_id, \(Self.operationColumns) FROM payment_operations o
      WHERE o.payment_id = ANY(\(payments.tenOrMore)) ORDER BY o.created_at, o.id
      """
    ) { row in (try row.next(as: PaymentID.self), try PaymentOperation(&row)) }
    return Dictionary(grouping: rows, by: \.0).mapValues { $0.compactMap(\.1) }
  }

  private func store(_ payment: Payment, in transaction: Transaction) async throws {
    let figures = payment.figures
    try await transaction.send(
      """
      UPDATE payments SET state = \(payment.state), authorized = \(figures.authorized),
        captured = \(figures.captured), refunded = \(figures.refunded),
        provider_ref = \(payment.providerReference),
        next_action = CASE WHEN \(payment.challengeURL)::text IS NULL THEN NULL
          ELSE jsonb_build_object('url', \(payment.challengeURL)::text) END,
        version = \(payment.version),
        updated_at = now()
      WHERE id = \(payment.id)
      """)
  }

  private func insert(
    _ operation: PaymentOperation, of payment: PaymentID, in transaction: Transaction
  ) async throws {
    try await transaction.send(
      """
      INSERT INTO payment_operations (id, payment_id, kind, amount, state, token, next_run_at,
        created_at, request_hash, reason)
      VALUES (\(operation.id), \(payment), \(operation.kind), \(operation.amount),
        \(operation.state), \(operation.token), \(operation.createdAt + recoveryAge),
        \(operation.createdAt), \(operation.requestHash), \(operation.reason))
      """)
  }

  /// Leaves `attempts` and `next_run_at` alone, which the recovery worker sets without the
  /// payment's lock.
  private func store(_ operation: PaymentOperation, in transaction: Transaction) async throws {
    try await transaction.send(
      """
      UPDATE payment_operations SET state = \(operation.state), token = \(operation.token),
        provider_ref = \(operation.providerReference), decline_code = \(operation.declineCode)
      WHERE id = \(operation.id)
      """)
  }
}

/// A row of `payments`, before its operations are there.
private struct StoredPayment {
  let id: PaymentID
  let requestHash: [UInt8]?
  let orderID: OrderID
  let userID: UserID?
  let currency: Currency
  let amount: Int64
  let figures: PaymentFigures
  let state: PaymentState
  let captureMode: CaptureMode
  let providerReference: String?
  let challengeURL: String?
  let expiresAt: Timestamp
  let version: Int
  let createdAt: Timestamp

  init(_ row: inout Row) throws {
    id = try row.next()
    requestHash = try row.next()
    orderID = try row.next()
    userID = try row.next()
    currency = try row.next()
    amount = try row.next()
    figures = PaymentFigures(
      authorized: try row.next(), captured: try row.next(), refunded: try row.next())
    state = try row.next()
    captureMode = try row.next()
    providerReference = try row.next()
    challengeURL = try row.next()
    expiresAt = try row.next()
    version = try row.next()
    createdAt = try row.next()
  }

  func payment(with operations: [PaymentOperation]) throws -> Payment {
    Payment(
      id: id, orderID: orderID, userID: userID,
      amount: try Money(minorUnits: amount, currency: currency), captureMode: captureMode,
      requestHash: requestHash, expiresAt: expiresAt, createdAt: createdAt, state: state,
      figures: figures, providerReference: providerReference, version: version,
      operations: operations, challengeURL: challengeURL)
  }
}

extension PaymentOperation {
  /// nil for a payment that has none.
  fileprivate init?(_ row: inout Row) throws {
    guard let id: OperationID = try row.next() else { return nil }
    self.init(
      id: id, kind: try row.next(), amount: try row.next(), state: try row.next(),
      token: try row.next(), providerReference: try row.next(), declineCode: try row.next(),
      attempts: try row.next(), createdAt: try row.next(), requestHash: try row.next(),
      reason: try row.next())
  }
}

extension PaymentState: SQLEncodable, SQLDecodable {}
extension CaptureMode: SQLEncodable, SQLDecodable {}
extension PaymentOperation.Kind: SQLEncodable, SQLDecodable {}
extension PaymentOperation.State: SQLEncodable, SQLDecodable {}
extension LedgerAccount: SQLEncodable, SQLDecodable {}

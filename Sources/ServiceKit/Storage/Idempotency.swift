package import HTTPMessages
package import Postgres
import SharedKernel

/// Idempotency keys (IETF httpapi draft "The Idempotency-Key HTTP Header Field"): a key's row is
/// committed together with the effect it stands for, so there is never one without the other.
package struct IdempotencyStore: Sendable {
  /// How long an outcome can be replayed.
  static let lifetimeHours = 48

  private let database: Database

  /// - Parameter database: with the table that `commonMigrations` makes.
  package init(database: Database) {
    self.database = database
  }

  /// Runs `effect` once for this principal and key; a repetition gets the outcome that was stored.
  ///
  /// - Throws: `Problem` when the key was used for another request, or its first use still runs;
  ///   and what `effect` throws, unless that is a final outcome (402, 409 or a business 422), which
  ///   is stored and answered.
  func run(
    principal: String, key: String, fingerprint: [UInt8],
    asProblem: (any Failure) -> HTTPResponse,
    _ effect: (Work) async throws -> HTTPResponse
  ) async throws -> HTTPResponse {
    do {
      return try await database.transaction { transaction in
        let inserted = try await transaction.execute(
          """
          INSERT INTO idempotency_keys (principal, key, fingerprint, expires_at)
          VALUES (\(principal), \(key), \(fingerprint),
            now() + make_interval(hours => \(Int32(Self.lifetimeHours))))
          ON CONFLICT DO NOTHING
          """)
        guard inserted == 1 else {
          return try await replay(principal, key, fingerprint, in: transaction)
        }
        var response: HTTPResponse
        do {
          // A refusal after the effect's first write must leave nothing but the key.
          response = try await transaction.savepoint { _ in try await effect(Work(transaction)) }
        } catch let failure as any Failure where failure.isFinalOutcome {
          response = asProblem(failure)
        }
        guard response.status.isFinalOutcome else { throw NotFinal(response: response) }
        try await store(response, principal, key, in: transaction)
        return response
      }
    } catch let error as NotFinal {
      return error.response
    } catch let error as PostgresError where error.isLockTimeout {
      throw Problem(
        .idempotencyInProgress, "The first request with this key still runs.",
        members: ["retryAfterMs": 1000], retryAfter: .seconds(1))
    }
  }

  /// An answer that another try may better: neither it nor what was done on the way to it is kept.
  private struct NotFinal: Error {
    let response: HTTPResponse
  }

  private func replay(
    _ principal: String, _ key: String, _ fingerprint: [UInt8], in transaction: Transaction
  ) async throws -> HTTPResponse {
    let row = try await transaction.first(
      """
      SELECT fingerprint, status, headers, body FROM idempotency_keys
      WHERE principal = \(principal) AND key = \(key)
      """
    ) { row in
      (
        fingerprint: try row.next(as: [UInt8].self), status: try row.next(as: Int32?.self),
        headers: try row.next(as: String?.self), body: try row.next(as: [UInt8]?.self)
      )
    }
    guard let row, let status = row.status else {
      // Its owner rolled back, or purged it, between the two statements.
      throw Problem(
        .idempotencyInProgress, "The first request with this key has just ended.",
        members: ["retryAfterMs": 0], retryAfter: .seconds(1))
    }
    guard row.fingerprint == fingerprint else {
      throw Problem(.idempotencyKeyReused, "This key belongs to a different request.")
    }
    var response = HTTPResponse(HTTPStatus(Int(status)), body: row.body ?? [])
    for line in (row.headers ?? "").split(separator: "\n") {
      let pair = line.split(separator: ":", maxSplits: 1)
      if pair.count == 2, let name = HTTPFieldName(String(pair[0])) {
        response.fields[name] = pair[1].trimmed
      }
    }
    response.fields["Idempotent-Replayed"] = "true"
    return response
  }

  private func store(
    _ response: HTTPResponse, _ principal: String, _ key: String, in transaction: Transaction
  ) async throws {
    precondition(response.stream == nil, "a streamed answer cannot be kept for a key")
    try await transaction.send(
      """
      UPDATE idempotency_keys SET status = \(Int32(response.status.code)),
        headers = \(response.fields.description), body = \(response.body)
      WHERE principal = \(principal) AND key = \(key)
      """)
  }

  /// Removes outcomes past their lifetime, in batches.
  ///
  /// - Returns: how many were removed; at `batchMax` there may be more.
  func purge(batchMax: Int) async throws -> Int {
    try await database.execute(
      """
      DELETE FROM idempotency_keys WHERE ctid IN (
        SELECT ctid FROM idempotency_keys WHERE expires_at < now() LIMIT \(batchMax))
      """)
  }
}

extension HTTPStatus {
  /// 2xx and the refusals that another try with the same key would meet again.
  fileprivate var isFinalOutcome: Bool {
    (200..<300).contains(code) || code == 402 || code == 409 || code == 422
  }
}

extension Failure {
  /// Refusals that depend on the state of things, not on the shape of the request; one that says
  /// when to come back is not final.
  fileprivate var isFinalOutcome: Bool {
    guard (self as? any RetryableFailure)?.retryAfter == nil else { return false }
    switch kind {
    case .operationInProgress, .idempotencyInProgress, .validationFailed, .idempotencyKeyReused,
      .cardDataForbidden:
      return false
    default:
      let code = kind.problem.status.code
      return code == 402 || code == 409 || code == 422
    }
  }
}

extension Call {
  /// Runs `effect` in one transaction with this request's idempotency key, once for each key.
  ///
  /// - Parameter owner: whose key it is; nil is the caller's. A guest's is that of what the guest has
  ///   shown the access token of.
  /// - Precondition: the route takes keys.
  package func idempotently(
    as owner: String? = nil, _ effect: (Work) async throws -> HTTPResponse
  ) async throws -> HTTPResponse {
    guard let idempotencyKey else { preconditionFailure("\(pattern) takes no keys") }
    return try await kit.storage.idempotency.run(
      principal: owner ?? principal, key: idempotencyKey,
      fingerprint: fingerprint,
      asProblem: { .problem($0, instance: request.path, requestID: requestID) }, effect)
  }

  /// Keyed hash of method, target and body: tells whether two requests are the same without keeping
  /// what they say.
  package var fingerprint: [UInt8] {
    kit.storage.fingerprint(
      Array(request.method.rawValue.utf8) + [0] + Array(request.target.utf8) + [0] + request.body)
  }

  /// Runs `effect` in one transaction.
  package func transactionally<Value: Sendable>(
    _ effect: (Work) async throws -> Value
  ) async throws -> Value {
    try await kit.storage.database.transaction { try await effect(Work($0)) }
  }
}

/// What request handling needs of the database.
package struct RequestStorage: Sendable {
  /// Where `Call.transactionally` runs its effect.
  package let database: Database
  /// In the same database, so that a key and its effect are committed together.
  package let idempotency: IdempotencyStore
  /// Tells requests apart without keeping what they say: `ServiceSecrets.fingerprint`.
  package let fingerprint: @Sendable ([UInt8]) -> [UInt8]

  /// - Parameter fingerprint: the same in every process, or a repetition would not look like one.
  package init(database: Database, fingerprint: @escaping @Sendable ([UInt8]) -> [UInt8]) {
    self.database = database
    idempotency = IdempotencyStore(database: database)
    self.fingerprint = fingerprint
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// Attempts in PostgreSQL.
struct AttemptRepository: AttemptStore {
  let database: Database

  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> Bool
  ) async throws -> AttemptNumber? {
    try await database.transaction { transaction in
      // In statements of their own, before the one that counts: that one then sees whoever was
      // first. Account before place, here as everywhere.
      try await transaction.send(
        "SELECT pg_advisory_xact_lock(hashtextextended(\("account " + account), 0))")
      try await transaction.send(
        "SELECT pg_advisory_xact_lock(hashtextextended(\("place " + prefix), 0))")
      guard allows(try await attempts(account, prefix, in: transaction)) else { return nil }
      return try await transaction.value(
        """
        INSERT INTO login_attempts (account, ip_prefix) VALUES (\(account), \(prefix))
        RETURNING id
        """)
    }
  }

  private func attempts(
    _ account: String, _ prefix: String, in transaction: Transaction
  ) async throws -> Attempts {
    let seconds = Double(AttemptLimits.window.components.seconds)
    let attempts = try await transaction.first(
      """
      SELECT count(*) FILTER (WHERE account = \(account) AND ip_prefix = \(prefix)),
        count(*) FILTER (WHERE account = \(account)),
        count(*) FILTER (WHERE ip_prefix = \(prefix)),
        count(*) FILTER (
          WHERE ip_prefix = \(prefix) AND account = \(AttemptLimits.registration))
      FROM login_attempts
      WHERE (account = \(account) OR ip_prefix = \(prefix))
        AND at > now() - make_interval(secs => \(seconds))
      """
    ) { row in
      Attempts(
        accountAndPrefix: try row.next(), account: try row.next(), prefix: try row.next(),
        registrationsOfPrefix: try row.next())
    }
    guard let attempts else { throw PostgresError.invalid("a count returned nothing") }
    return attempts
  }

  func withdraw(_ attempt: AttemptNumber) async throws {
    try await database.execute("DELETE FROM login_attempts WHERE id = \(attempt)")
  }

  /// Removes attempts that no limit looks at any more.
  func purge() async throws {
    try await database.execute("DELETE FROM login_attempts WHERE at < now() - interval '1 day'")
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// Attempts in PostgreSQL.
struct AttemptRepository: AttemptStore {
  let database: Database

  /// An attempt that is being looked at for longer has lost its process, and counts as failed.
  private static let lookingMax: Duration = .seconds(60)

  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> AttemptVerdict
  ) async throws -> AttemptNote {
    try await database.transaction { transaction in
      // In statements of their own, before the one that counts: that one then sees whoever was
      // first. Account before place, here as everywhere.
      try await transaction.send(
        "SELECT pg_advisory_xact_lock(hashtextextended(\("account " + account), 0))")
      try await transaction.send(
        "SELECT pg_advisory_xact_lock(hashtextextended(\("place " + prefix), 0))")
      switch allows(try await attempts(account, prefix, in: transaction)) {
      case .refused: return .refused
      case .later: return .later
      case .allowed:
        let number: AttemptNumber? = try await transaction.value(
          """
          INSERT INTO login_attempts (account, ip_prefix) VALUES (\(account), \(prefix))
          RETURNING id
          """)
        guard let number else { throw PostgresError.invalid("an inserted attempt is not there") }
        return .noted(number)
      }
    }
  }

  private func attempts(
    _ account: String, _ prefix: String, in transaction: Transaction
  ) async throws -> Attempts {
    let seconds = Double(AttemptLimits.window.components.seconds)
    let looking = Double(Self.lookingMax.components.seconds)
    let attempts = try await transaction.first(
      """
      SELECT count(*) FILTER (WHERE is_account AND is_prefix),
        count(*) FILTER (WHERE is_account AND is_prefix AND has_failed),
        count(*) FILTER (WHERE is_account), count(*) FILTER (WHERE is_account AND has_failed),
        count(*) FILTER (WHERE is_prefix AND is_password),
        count(*) FILTER (WHERE is_prefix AND is_password AND has_failed),
        count(*) FILTER (WHERE is_prefix), count(*) FILTER (WHERE is_prefix AND has_failed)
      FROM (
        SELECT account = \(account) AS is_account, ip_prefix = \(prefix) AS is_prefix,
          account <> \(AttemptLimits.registration)
            AND NOT starts_with(account, \(AttemptLimits.mail)) AS is_password,
          failed OR at < now() - make_interval(secs => \(looking)) AS has_failed
        FROM login_attempts
        WHERE (account = \(account) OR ip_prefix = \(prefix))
          AND at > now() - make_interval(secs => \(seconds))
      ) AS attempt
      """
    ) { row in
      func count() throws -> Attempts.Count {
        Attempts.Count(all: try row.next(), failed: try row.next())
      }
      return Attempts(
        accountAndPrefix: try count(), account: try count(), passwordsOfPrefix: try count(),
        prefix: try count())
    }
    guard let attempts else { throw PostgresError.invalid("a count returned nothing") }
    return attempts
  }

  func fail(_ attempt: AttemptNumber) async throws {
    try await database.execute("UPDATE login_attempts SET failed = true WHERE id = \(attempt)")
  }

  func withdraw(_ attempt: AttemptNumber) async throws {
    try await database.execute("DELETE FROM login_attempts WHERE id = \(attempt)")
  }

  /// Removes attempts that no limit looks at any more.
  func purge() async throws {
    try await database.execute("DELETE FROM login_attempts WHERE at < now() - interval '1 day'")
  }
}

import Postgres
import ServiceKit
import SharedKernel

/// Attempts in PostgreSQL.
struct AttemptRepository: AttemptStore {
  let database: Database

  func attempts(account: String, prefix: String) async throws -> Attempts {
    let seconds = Double(AttemptLimits.window.components.seconds)
    let attempts = try await database.first(
      """
      SELECT count(*) FILTER (WHERE account = \(account) AND ip_prefix = \(prefix)),
        count(*) FILTER (WHERE account = \(account)),
        count(*) FILTER (WHERE ip_prefix = \(prefix))
      FROM login_attempts
      WHERE (account = \(account) OR ip_prefix = \(prefix))
        AND at > now() - make_interval(secs => \(seconds))
      """
    ) { row in
      Attempts(accountAndPrefix: try row.next(), account: try row.next(), prefix: try row.next())
    }
    return attempts ?? Attempts(accountAndPrefix: 0, account: 0, prefix: 0)
  }

  func note(account: String, prefix: String) async throws {
    try await database.execute(
      "INSERT INTO login_attempts (account, ip_prefix) VALUES (\(account), \(prefix))")
  }

  /// Removes attempts that no limit looks at any more.
  func purge() async throws {
    try await database.execute("DELETE FROM login_attempts WHERE at < now() - interval '1 day'")
  }
}

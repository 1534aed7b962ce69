import Postgres
import ServiceKit
import SharedKernel

/// Sessions and failed attempts in PostgreSQL.
struct SessionRepository: SessionStore {
  let database: Database

  func failures(account: String, prefix: String) async throws -> LoginFailures {
    let seconds = Double(LoginLimit.window.components.seconds)
    let failures = try await database.first(
      """
      SELECT count(*) FILTER (WHERE account = \(account) AND ip_prefix = \(prefix)),
        count(*) FILTER (WHERE account = \(account)),
        count(*) FILTER (WHERE ip_prefix = \(prefix))
      FROM login_attempts
      WHERE (account = \(account) OR ip_prefix = \(prefix))
        AND at > now() - make_interval(secs => \(seconds))
      """
    ) { row in
      LoginFailures(
        accountAndPrefix: try row.next(), account: try row.next(), prefix: try row.next())
    }
    return failures ?? LoginFailures(accountAndPrefix: 0, account: 0, prefix: 0)
  }

  func noteFailure(account: String, prefix: String) async throws {
    try await database.execute(
      "INSERT INTO login_attempts (account, ip_prefix) VALUES (\(account), \(prefix))")
  }

  func insert(_ session: Session, refreshHash: [UInt8]) async throws {
    try await database.execute(
      """
      INSERT INTO sessions (id, user_id, refresh_sha256, user_agent, created_at, expires_at)
      VALUES (\(session.id), \(session.userID), \(refreshHash), \(session.userAgent),
        \(session.createdAt), \(session.expiresAt))
      """)
  }

  func rotate(
    _ old: [UInt8], to new: [UInt8]
  ) async throws -> (session: Session, user: User)? {
    try await database.first(
      """
      WITH rotated AS (
        UPDATE sessions SET refresh_sha256 = \(new), prev_sha256 = \(old)
        WHERE refresh_sha256 = \(old) AND revoked_at IS NULL AND expires_at > now()
        RETURNING *
      )
      SELECT r.id, r.user_id, r.user_agent, r.created_at, r.expires_at, \(UserRepository.columns)
      FROM rotated r JOIN users u ON u.id = r.user_id
      """
    ) { row in (session: try Session(row: &row), user: try User(row: &row)) }
  }

  func revoke(whosePreviousTokenWas hash: [UInt8]) async throws {
    try await database.execute(
      "UPDATE sessions SET revoked_at = now() WHERE prev_sha256 = \(hash) AND revoked_at IS NULL")
  }

  func revoke(_ id: UUID128, of user: UserID) async throws -> Bool {
    try await database.execute(
      """
      UPDATE sessions SET revoked_at = now()
      WHERE id = \(id) AND user_id = \(user) AND revoked_at IS NULL
      """) == 1
  }

  func sessions(of user: UserID) async throws -> [Session] {
    try await database.query(
      """
      SELECT id, user_id, user_agent, created_at, expires_at FROM sessions
      WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > now() ORDER BY id DESC
      LIMIT 100
      """, Session.init(row:))
  }

  /// Removes attempts that no limit looks at any more.
  func purge() async throws {
    try await database.execute("DELETE FROM login_attempts WHERE at < now() - interval '1 day'")
  }
}

extension Session {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    userID = try row.next()
    userAgent = try row.next()
    createdAt = try row.next()
    expiresAt = try row.next()
  }
}

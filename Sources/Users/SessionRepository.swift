import Postgres
import ServiceKit
import SharedKernel

/// Sessions in PostgreSQL.
struct SessionRepository: SessionStore {
  let database: Database
  let outbox: Outbox

  func insert(_ session: Session, refreshHash: [UInt8]) async throws {
    try await database.execute(
      """
      INSERT INTO sessions (id, user_id, refresh_sha256, user_agent, ip_prefix,
        created_at, expires_at)
      VALUES (\(session.id), \(session.userID), \(refreshHash), \(session.userAgent),
        \(session.addressPrefix), \(session.createdAt), \(session.expiresAt))
      """)
  }

  func rotate(
    _ id: UUID128, from old: [UInt8], to new: [UInt8]
  ) async throws -> (session: Session, user: User)? {
    try await database.first(
      """
      WITH rotated AS (
        UPDATE sessions SET refresh_sha256 = \(new)
        WHERE id = \(id) AND refresh_sha256 = \(old) AND revoked_at IS NULL
          AND expires_at > now()
        RETURNING id, user_id, user_agent, ip_prefix, created_at, expires_at
      )
      SELECT r.id, r.user_id, r.user_agent, r.ip_prefix, r.created_at, r.expires_at,
        \(UserRepository.columns)
      FROM rotated r JOIN users u ON u.id = r.user_id
      """
    ) { row in (session: try Session(row: &row), user: try User(row: &row)) }
  }

  func revokeReused(_ id: UUID128) async throws {
    try await database.transaction { transaction in
      // The user before their sessions, here as everywhere: two must not wait for one another.
      let user: UserID? = try await transaction.value(
        """
        SELECT u.id FROM users u JOIN sessions s ON s.user_id = u.id
        WHERE s.id = \(id) AND s.revoked_at IS NULL FOR UPDATE OF u
        """)
      guard let user else { return }
      let revoked = try await transaction.execute(
        "UPDATE sessions SET revoked_at = now() WHERE id = \(id) AND revoked_at IS NULL")
      guard revoked == 1 else { return }
      let version: Int? = try await transaction.value(
        "UPDATE users SET version = version + 1 WHERE id = \(user) RETURNING version")
      guard let version else { throw NotFound("user") }
      try await outbox.append(
        EventDraft(
          type: "user.sessions_revoked", subject: "\(user)", version: version,
          data: UserEvent(userId: user, actionId: nil)), in: transaction)
    }
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
      SELECT id, user_id, user_agent, ip_prefix, created_at, expires_at FROM sessions
      WHERE user_id = \(user) AND revoked_at IS NULL AND expires_at > now() ORDER BY id DESC
      LIMIT 100
      """, Session.init(row:))
  }
}

extension Session {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    userID = try row.next()
    userAgent = try row.next()
    addressPrefix = try row.next()
    createdAt = try row.next()
    expiresAt = try row.next()
  }
}

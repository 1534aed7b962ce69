import Postgres
import ServiceKit
import SharedKernel

/// Accounts' changes in PostgreSQL, each with its event. The account's row is locked first, by the
/// change of its version, so that its events are numbered in the order of its versions.
struct AccountRepository: AccountStore {
  let runner: any SQLRunner
  let outbox: Outbox

  private var users: UserRepository { UserRepository(runner: runner, outbox: outbox) }

  func user(_ id: UserID) async throws -> User? { try await users.user(id) }

  func credentials(of id: UserID) async throws -> Credentials? {
    try await runner.first(
      "SELECT \(UserRepository.columns), u.password_hash FROM users u WHERE u.id = \(id)"
    ) { row in
      Credentials(user: try User(row: &row), passwordHash: try row.next())
    }
  }

  func account(of email: String) async throws -> User? {
    try await users.credentials(of: email)?.user
  }

  // MARK: Links

  func open(_ kind: AccountAction.Kind, for user: UserID) async throws {
    let version = try await nextVersion(of: user)
    let action = try await insert(kind, for: user)
    let type =
      switch kind {
      case .verifyEmail: "user.email_verification_requested"
      case .resetPassword: "user.password_reset_requested"
      }
    try await tell(type, of: user, version, action: action)
  }

  /// Inserts an action alone, for whoever tells of it in an event of its own.
  func insert(_ kind: AccountAction.Kind, for user: UserID) async throws -> ID<AccountAction> {
    let id = ID<AccountAction>.new()
    try await runner.send(
      """
      INSERT INTO actions (id, user_id, kind, expires_at)
      VALUES (\(id), \(user), \(kind.rawValue),
        now() + make_interval(secs => \(Double(kind.life.components.seconds))))
      """)
    return id
  }

  func action(_ id: ID<AccountAction>) async throws -> AccountAction? {
    try await runner.first(
      "SELECT id, user_id, kind, expires_at, used_at FROM actions WHERE id = \(id)"
    ) { row in
      let id: ID<AccountAction> = try row.next()
      let user: UserID = try row.next()
      let kind: String = try row.next()
      guard let kind = AccountAction.Kind(rawValue: kind) else {
        throw PostgresError.invalid("an action is of the unknown kind \(kind)")
      }
      return AccountAction(
        id: id, userID: user, kind: kind, expiresAt: try row.next(), usedAt: try row.next())
    }
  }

  func use(_ id: ID<AccountAction>, _ kind: AccountAction.Kind) async throws -> UserID? {
    try await runner.value(
      """
      UPDATE actions SET used_at = now()
      WHERE id = \(id) AND kind = \(kind.rawValue) AND used_at IS NULL AND expires_at > now()
      RETURNING user_id
      """)
  }

  // MARK: Changes

  func confirmEmail(of user: UserID) async throws {
    try await runner.send(
      """
      UPDATE users SET email_verified_at = now(), version = version + 1
      WHERE id = \(user) AND email_verified_at IS NULL
      """)
  }

  func setPassword(_ hash: String, of user: UserID, keeping session: UUID128?) async throws {
    let version: Int? = try await runner.value(
      """
      UPDATE users SET password_hash = \(hash), version = version + 1 WHERE id = \(user)
      RETURNING version
      """)
    guard let version else { throw NotFound("user") }
    try await endSessions(of: user, keeping: session)
    try await runner.send(
      """
      UPDATE actions SET used_at = now()
      WHERE user_id = \(user) AND kind = 'reset_password' AND used_at IS NULL
      """)
    // Whoever was locked out has just shown who they are.
    try await forgetAttempts(of: user)
    try await tell("user.password_changed", of: user, version)
  }

  func setStanding(of user: User, _ role: Role, _ status: User.Status) async throws -> Bool {
    let changed = try await runner.execute(
      """
      UPDATE users SET role = \(role.rawValue), status = \(status.rawValue), version = version + 1
      WHERE id = \(user.id) AND version = \(user.version)
      """)
    guard changed == 1 else { return false }
    // Lesser rights count at the next token, which a session's end brings nearer.
    if status != .active || role < user.role {
      try await endSessions(of: user.id, keeping: nil)
      try await tell("user.sessions_revoked", of: user.id, user.version + 1)
    }
    return true
  }

  func anonymise(_ user: User) async throws -> Bool {
    try await forgetAttempts(of: user.id)
    let changed = try await runner.execute(
      """
      UPDATE users SET email = \("deleted-\(user.id)@deleted.invalid"), name = 'Deleted',
        password_hash = '', status = 'deleted', email_verified_at = NULL, locale = 'en',
        version = version + 1
      WHERE id = \(user.id) AND version = \(user.version)
      """)
    guard changed == 1 else { return false }
    try await runner.send(
      """
      UPDATE sessions SET revoked_at = coalesce(revoked_at, now()), user_agent = NULL,
        ip_prefix = NULL
      WHERE user_id = \(user.id)
      """)
    try await runner.send("DELETE FROM actions WHERE user_id = \(user.id)")
    try await runner.send("DELETE FROM addresses WHERE user_id = \(user.id)")
    try await tell("user.deleted", of: user.id, user.version + 1)
    return true
  }

  func activeAdministrators() async throws -> Int {
    try await runner.query(
      """
      SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' ORDER BY id FOR UPDATE
      """
    ) { try $0.next(as: Int32.self) }.count
  }

  func audit(
    _ action: String, of subject: UserID, by actor: Caller, detail: [String: String]
  ) async throws {
    let detail = JSONText(try JSONEncoding.encode(detail))
    try await runner.send(
      """
      INSERT INTO audit_log (actor, action, subject, detail)
      VALUES (\(actor.principal), \(action), \("user:\(subject)"), \(detail))
      """)
  }

  /// Notes that nobody gets in any more for a while, and tells the owner: once in that while.
  ///
  /// - Returns: whether it was told.
  func lock(_ email: String, after attemptsMax: Int, within window: Duration) async throws -> Bool {
    let seconds = Double(window.components.seconds)
    let locked = try await runner.first(
      """
      UPDATE users SET locked_at = now(), version = version + 1
      WHERE email = \(email) AND status = 'active'
        AND (locked_at IS NULL OR locked_at < now() - make_interval(secs => \(seconds)))
        AND (SELECT count(*) FROM login_attempts
          WHERE account = \(email) AND at > now() - make_interval(secs => \(seconds)))
          >= \(attemptsMax)
      RETURNING id, version
      """
    ) { row in (id: try row.next(as: UserID.self), version: try row.next(as: Int.self)) }
    guard let locked else { return false }
    try await tell("user.locked", of: locked.id, locked.version)
    return true
  }

  // MARK: Parts

  private func nextVersion(of user: UserID) async throws -> Int {
    let version: Int? = try await runner.value(
      "UPDATE users SET version = version + 1 WHERE id = \(user) RETURNING version")
    guard let version else { throw NotFound("user") }
    return version
  }

  private func endSessions(of user: UserID, keeping session: UUID128?) async throws {
    try await runner.send(
      """
      UPDATE sessions SET revoked_at = now()
      WHERE user_id = \(user) AND revoked_at IS NULL AND id IS DISTINCT FROM \(session)
      """)
  }

  private func forgetAttempts(of user: UserID) async throws {
    try await runner.send(
      "DELETE FROM login_attempts WHERE account = (SELECT email FROM users WHERE id = \(user))")
    try await runner.send("UPDATE users SET locked_at = NULL WHERE id = \(user)")
  }

  private func tell(
    _ type: String, of user: UserID, _ version: Int, action: ID<AccountAction>? = nil
  ) async throws {
    try await outbox.append(
      EventDraft(
        type: type, subject: "\(user)", version: version,
        data: UserEvent(userId: user, actionId: action)), in: runner)
  }
}

/// What an event of an account tells. The action's id opens nothing: its token does.
struct UserEvent: Encodable {
  let userId: UserID
  let actionId: ID<AccountAction>?
}

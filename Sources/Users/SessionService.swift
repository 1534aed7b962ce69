import SharedKernel

/// What sessions are kept in. Refresh tokens are known by their SHA-256 only.
protocol SessionStore: Sendable {
  func insert(_ session: Session, refreshHash: [UInt8]) async throws
  /// Replaces the token of a session that is neither expired nor revoked; nil when `old` is not its
  /// present token.
  func rotate(
    _ id: UUID128, from old: [UInt8], to new: [UInt8]
  ) async throws -> (session: Session, user: User)?
  /// Ends a session that two seem to have, and tells of it, once.
  func revokeReused(_ id: UUID128) async throws
  func revoke(_ id: UUID128, of user: UserID) async throws -> Bool
  func sessions(of user: UserID) async throws -> [Session]
}

/// The cryptography of signing in, of which the domain knows only what it is for.
protocol SessionCryptography: Sendable {
  /// As slow for an unknown user (nil) as for a known one.
  ///
  /// - Throws: `UserError.busy`
  func isRight(_ password: String, for hash: String?) async throws -> Bool
  /// The hash of today's strength of a password whose hash is weaker; nil if it is not.
  ///
  /// - Throws: `UserError.busy`
  func strongerHash(of password: String, than hash: String) async throws -> String?
  func newRefreshToken(for session: UUID128) -> String
  /// The session that a refresh token was made for, spent or not; nil for what was never one.
  func session(ofRefreshToken token: String) -> UUID128?
  func hash(ofToken token: String) -> [UInt8]
  func accessToken(for user: User, session: UUID128) async throws -> (token: String, life: Duration)
}

/// Signing in, staying signed in, signing out.
struct SessionService: Sendable {
  let users: any UserStore
  let store: any SessionStore
  let limits: AttemptLimits
  let cryptography: any SessionCryptography

  /// - Throws: `UserError`.
  func signIn(
    email: String, password: String, from address: String?, userAgent: String?
  ) async throws -> TokenPair {
    // What is no address has no account: all such attempts count as one.
    let account = (try? EmailAddress(email))?.text ?? "(no address)"
    let credentials = try await users.credentials(of: account)
    try await limits.trying(account, from: address) {
      let isRight = try await cryptography.isRight(password, for: credentials?.passwordHash)
      return isRight && credentials?.user.status == .active
    }
    guard let credentials else { throw UserError.invalidCredentials }
    let user = credentials.user
    try await strengthen(credentials, password)
    let now = Timestamp.now()
    let id = UUID128.v7(at: now)
    let refreshToken = cryptography.newRefreshToken(for: id)
    let session = Session(
      id: id, userID: user.id, userAgent: userAgent.map { String($0.prefix(200)) },
      addressPrefix: AttemptLimits.prefix(of: address), createdAt: now,
      expiresAt: now + Session.life)
    try await store.insert(session, refreshHash: cryptography.hash(ofToken: refreshToken))
    return try await pair(for: user, session.id, refreshToken)
  }

  /// Only now, with the password at hand, can it be hashed anew.
  private func strengthen(_ credentials: Credentials, _ password: String) async throws {
    do {
      guard
        let hash = try await cryptography.strongerHash(
          of: password, than: credentials.passwordHash)
      else { return }
      try await users.replaceHash(
        of: credentials.user.id, from: credentials.passwordHash, to: hash)
    } catch UserError.busy {
      // The next time will do: nobody waits for this.
    }
  }

  /// - Throws: `UserError.sessionEnded`.
  func refresh(_ token: String) async throws -> TokenPair {
    guard let id = cryptography.session(ofRefreshToken: token) else {
      throw UserError.sessionEnded
    }
    let next = cryptography.newRefreshToken(for: id)
    guard
      let (session, user) = try await store.rotate(
        id, from: cryptography.hash(ofToken: token), to: cryptography.hash(ofToken: next)),
      user.status == .active
    else {
      // We made this token, but it is spent: two have it, and we cannot tell who is the thief.
      try await store.revokeReused(id)
      throw UserError.sessionEnded
    }
    return try await pair(for: user, session.id, next)
  }

  func sessions(of user: UserID) async throws -> [Session] {
    try await store.sessions(of: user)
  }

  func end(_ id: UUID128, of user: UserID) async throws {
    guard try await store.revoke(id, of: user) else { throw NotFound("session") }
  }

  private func pair(
    for user: User, _ session: UUID128, _ refreshToken: String
  ) async throws -> TokenPair {
    let (token, life) = try await cryptography.accessToken(for: user, session: session)
    return TokenPair(
      accessToken: token, expiresIn: life.components.seconds, refreshToken: refreshToken)
  }
}

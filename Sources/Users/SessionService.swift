import SharedKernel

/// What sessions are kept in. Refresh tokens are known by their SHA-256 only.
protocol SessionStore: Sendable {
  func failures(account: String, prefix: String) async throws -> LoginFailures
  func noteFailure(account: String, prefix: String) async throws
  func insert(_ session: Session, refreshHash: [UInt8]) async throws
  /// Replaces the token of a session that is neither expired nor revoked; nil when `old` is not its
  /// present token.
  func rotate(_ old: [UInt8], to new: [UInt8]) async throws -> (session: Session, user: User)?
  /// Ends the session whose previous token this was.
  func revoke(whosePreviousTokenWas hash: [UInt8]) async throws
  func revoke(_ id: UUID128, of user: UserID) async throws -> Bool
  func sessions(of user: UserID) async throws -> [Session]
}

/// The cryptography of signing in, of which the domain knows only what it is for.
protocol SessionCryptography: Sendable {
  /// As slow for an unknown user (nil) as for a known one.
  func isRight(_ password: String, for hash: String?) async throws -> Bool
  func newRefreshToken() -> String
  func hash(ofToken token: String) -> [UInt8]
  func accessToken(for user: User, session: UUID128) async throws -> (token: String, life: Duration)
}

/// Signing in, staying signed in, signing out.
struct SessionService: Sendable {
  let users: any UserStore
  let store: any SessionStore
  let cryptography: any SessionCryptography

  /// - Throws: `UserError`.
  func signIn(
    email: String, password: String, from address: String?, userAgent: String?
  ) async throws -> TokenPair {
    let account = email.lowercased()
    let prefix = LoginLimit.prefix(of: address)
    guard try await !store.failures(account: account, prefix: prefix).isTooMany else {
      throw UserError.tooManyAttempts
    }
    let credentials = try await users.credentials(of: account)
    let isRight = try await cryptography.isRight(password, for: credentials?.passwordHash)
    guard isRight, let user = credentials?.user, user.status == .active else {
      try await store.noteFailure(account: account, prefix: prefix)
      throw UserError.invalidCredentials
    }
    let refreshToken = cryptography.newRefreshToken()
    let now = Timestamp.now()
    let session = Session(
      id: .v7(at: now), userID: user.id, userAgent: userAgent.map { String($0.prefix(200)) },
      createdAt: now, expiresAt: now + Session.life)
    try await store.insert(session, refreshHash: cryptography.hash(ofToken: refreshToken))
    return try await pair(for: user, session.id, refreshToken)
  }

  /// - Throws: `UserError.sessionEnded`.
  func refresh(_ token: String) async throws -> TokenPair {
    let hash = cryptography.hash(ofToken: token)
    let next = cryptography.newRefreshToken()
    guard
      let (session, user) = try await store.rotate(hash, to: cryptography.hash(ofToken: next)),
      user.status == .active
    else {
      try await store.revoke(whosePreviousTokenWas: hash)
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

import SharedKernel

/// What accounts are changed in. Each change is told in an event, by the version that it leaves.
protocol AccountStore: Sendable {
  func user(_ id: UserID) async throws -> User?
  func credentials(of id: UserID) async throws -> Credentials?
  func account(of email: String) async throws -> User?

  /// Lets the account's owner do something by a link, and tells of it.
  func open(_ kind: AccountAction.Kind, for user: UserID) async throws
  func action(_ id: ID<AccountAction>) async throws -> AccountAction?
  /// Uses an action up, if it can still be used.
  ///
  /// - Returns: whose it is; nil when it was used, is over, or is not there.
  func use(_ id: ID<AccountAction>, _ kind: AccountAction.Kind) async throws -> UserID?

  func confirmEmail(of user: UserID) async throws
  /// Ends all sessions but `keeping`, and what can be done by links of before.
  func setPassword(_ hash: String, of user: UserID, keeping session: UUID128?) async throws
  /// False when another version is stored.
  func setStanding(of user: User, _ role: Role, _ status: User.Status) async throws -> Bool
  /// Makes an unknown of the account; false when another version is stored.
  func anonymise(_ user: User) async throws -> Bool
  /// Locks the administrators' rows.
  ///
  /// - Returns: how many are active.
  func activeAdministrators() async throws -> Int
  /// Notes who did what, for good.
  func audit(
    _ action: String, of subject: UserID, by actor: Caller, detail: [String: String]
  ) async throws
}

/// What people do with their accounts, and administrators with those of others. Within one
/// transaction.
struct AccountService: Sendable {
  let store: any AccountStore

  /// - Throws: `NotFound`
  func requestVerification(of id: UserID) async throws {
    let user = try await user(id)
    if !user.isEmailVerified { try await store.open(.verifyEmail, for: user.id) }
  }

  /// - Throws: `UserError.linkIsOver`
  func confirmEmail(by action: ID<AccountAction>) async throws {
    guard let user = try await store.use(action, .verifyEmail) else {
      throw UserError.linkIsOver
    }
    try await store.confirmEmail(of: user)
  }

  /// Tells nobody whether there is such an account.
  func requestReset(of email: EmailAddress) async throws {
    guard let user = try await store.account(of: email.text), user.status == .active else {
      return
    }
    try await store.open(.resetPassword, for: user.id)
  }

  /// Whoever has the mail has the address: it is confirmed as well.
  ///
  /// - Throws: `UserError.linkIsOver`
  func resetPassword(to hash: String, by action: ID<AccountAction>) async throws {
    guard let user = try await store.use(action, .resetPassword) else {
      throw UserError.linkIsOver
    }
    try await store.setPassword(hash, of: user, keeping: nil)
    try await store.confirmEmail(of: user)
  }

  func changePassword(to hash: String, of user: UserID, keeping session: UUID128) async throws {
    try await store.setPassword(hash, of: user, keeping: session)
  }

  /// - Throws: `UserError.lastAdministrator`, `.changedMeanwhile`
  func delete(_ user: User) async throws {
    if user.role == .admin { try await requireAnotherAdministrator() }
    guard try await store.anonymise(user) else {
      throw UserError.changedMeanwhile(currentVersion: user.version + 1)
    }
  }

  /// Gives an account another role or status.
  ///
  /// - Throws: `UserError.lastAdministrator`, `.changedMeanwhile`; `ValidationFailure` for
  ///   `deleted`, which is for the account's owner.
  func administer(
    _ user: User, role: Role?, status: User.Status?, by actor: Caller
  ) async throws -> User {
    if status == .deleted {
      throw ValidationFailure("/status", "invalid", "must be active or suspended")
    }
    let newRole = role ?? user.role
    let newStatus = status ?? user.status
    if user.role == .admin, user.status == .active, newRole != .admin || newStatus != .active {
      try await requireAnotherAdministrator()
    }
    guard try await store.setStanding(of: user, newRole, newStatus) else {
      throw UserError.changedMeanwhile(currentVersion: user.version + 1)
    }
    try await store.audit(
      "user.administered", of: user.id, by: actor,
      detail: [
        "role": "\(user.role.rawValue) to \(newRole.rawValue)",
        "status": "\(user.status.rawValue) to \(newStatus.rawValue)",
      ])
    return try await self.user(user.id)
  }

  private func requireAnotherAdministrator() async throws {
    guard try await store.activeAdministrators() > 1 else { throw UserError.lastAdministrator }
  }

  private func user(_ id: UserID) async throws -> User {
    guard let user = try await store.user(id), user.status != .deleted else {
      throw NotFound("user")
    }
    return user
  }
}

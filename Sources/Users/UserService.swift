import SharedKernel

/// An account with what its password is checked against.
struct Credentials: Sendable {
  let user: User
  let passwordHash: String
}

/// Which accounts staff look at; nil is any.
struct UserFilter: Sendable {
  static let textMax = 100

  /// A part of the address or of the name.
  var text: String?
  var role: Role?
  var status: User.Status?
}

/// What accounts are kept in.
protocol UserStore: Sendable {
  func user(_ id: UserID) async throws -> User?
  func users(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User>
  func credentials(of email: String) async throws -> Credentials?
  /// Replaces a password's hash, unless the password was changed meanwhile.
  func replaceHash(of id: UserID, from old: String, to new: String) async throws
  /// - Throws: `UserError.emailTaken`.
  func insert(_ registration: Registration, id: UserID, passwordHash: String) async throws -> User
  /// Saves name and locale if the stored version is still the user's; false if it is not.
  func update(_ user: User) async throws -> Bool
}

/// Accounts' use cases.
struct UserService: Sendable {
  let store: any UserStore

  func user(_ id: UserID) async throws -> User {
    guard let user = try await store.user(id), user.status != .deleted else {
      throw NotFound("user")
    }
    return user
  }

  func users(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User> {
    try await store.users(filter, page)
  }

  /// - Throws: `UserError.emailTaken`.
  func register(_ registration: Registration, passwordHash: String) async throws -> User {
    try await store.insert(registration, id: .new(), passwordHash: passwordHash)
  }

  /// - Throws: `ValidationFailure`; `UserError.changedMeanwhile`.
  func rename(_ user: User, name: String?, locale: String?) async throws -> User {
    var changed = user
    if let name { changed.name = name }
    if let locale { changed.locale = locale }
    var validation = Validation()
    validation.requireText(changed.name, "/name", length: 1...100)
    validation.require(isLocale(changed.locale), "/locale", "invalid", "such as en or de-CH")
    try validation.finish()
    guard try await store.update(changed) else {
      throw UserError.changedMeanwhile(currentVersion: user.version + 1)
    }
    return try await self.user(user.id)
  }
}

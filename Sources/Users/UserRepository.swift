import Postgres
import ServiceKit
import SharedKernel

/// Accounts in PostgreSQL.
struct UserRepository: UserStore {
  let runner: any SQLRunner
  let outbox: Outbox

  static let columns: SQL =
    "u.id, u.email, u.name, u.role, u.status, u.email_verified_at, u.locale, u.version, u.created_at"

  func user(_ id: UserID) async throws -> User? {
    try await runner.first(
      "SELECT \(Self.columns) FROM users u WHERE u.id = \(id)", User.init(row:))
  }

  private static let oldestFirst = Keyset<User>(.ascending, .init("u.id", \.id))

  func users(_ filter: UserFilter, _ page: PageRequest) async throws -> Page<User> {
    var conditions: [SQL] = []
    if let role = filter.role { conditions.append("u.role = \(role.rawValue)") }
    if let status = filter.status { conditions.append("u.status = \(status.rawValue)") }
    if let text = filter.text {
      conditions.append(
        """
        (position(lower(\(text)) IN u.email) > 0 OR position(lower(\(text)) IN lower(u.name)) > 0)
        """)
    }
    return try await runner.page(
      page, named: "user.list", by: Self.oldestFirst, select: Self.columns, from: "users u",
      where: conditions, User.init(row:))
  }

  func credentials(of email: String) async throws -> Credentials? {
    try await runner.first(
      "SELECT \(Self.columns), u.password_hash FROM users u WHERE u.email = \(email)"
    ) { row in
      Credentials(user: try User(row: &row), passwordHash: try row.next())
    }
  }

  func replaceHash(of id: UserID, from old: String, to new: String) async throws {
    try await runner.execute(
      "UPDATE users SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)")
  }

  func insert(
    _ registration: Registration, id: UserID, passwordHash: String
  ) async throws -> User {
    do {
      try await runner.execute(
        """
        INSERT INTO users (id, email, password_hash, name, role, status, locale)
        VALUES (\(id), \(registration.email.text), \(passwordHash), \(registration.name),
          'customer', 'active', \(registration.locale))
        """)
    } catch let error as PostgresError where error.isUniqueViolation("users_email_key") {
      throw UserError.emailTaken
    }
    let action = try await AccountRepository(runner: runner, outbox: outbox)
      .insert(.verifyEmail, for: id)
    try await outbox.append(
      EventDraft(
        type: "user.registered", subject: "\(id)", version: 1,
        data: UserEvent(userId: id, actionId: action)), in: runner)
    guard let user = try await user(id) else {
      throw PostgresError.invalid("an inserted user is not there")
    }
    return user
  }

  func update(_ user: User) async throws -> Bool {
    try await runner.execute(
      """
      UPDATE users SET name = \(user.name), locale = \(user.locale), version = version + 1
      WHERE id = \(user.id) AND version = \(user.version)
      """) == 1
  }
}

extension User {
  init(row: inout Row) throws {
    id = try row.next()
    email = try EmailAddress(try row.next())
    name = try row.next()
    let role: String = try row.next()
    let status: String = try row.next()
    guard let role = Role(rawValue: role) else {
      throw PostgresError.invalid("a user has the unknown role \(role)")
    }
    guard let status = Status(rawValue: status) else {
      throw PostgresError.invalid("a user is in the unknown status \(status)")
    }
    self.role = role
    self.status = status
    isEmailVerified = try row.next(as: Timestamp?.self) != nil
    locale = try row.next()
    version = try row.next()
    createdAt = try row.next()
  }
}

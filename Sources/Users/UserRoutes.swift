import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Accounts over HTTP.
struct UserRoutes: Sendable {
  let service: UserService
  let limits: AttemptLimits
  let within: @Sendable (Work) -> UserService
  let hashPassword: @Sendable (NewPassword) async throws -> String

  func add(to routes: inout Routes) {
    routes.post("/users", access: .anyone, key: .optional) { try await register($0) }
    routes.get("/users/me", access: .customer) { call in
      let user = try await service.user(try me(call))
      if call.clientHas(version: user.version) { return .notModified(ETag(version: user.version)) }
      return try .json(UserView(user), version: user.version)
    }
    routes.patch("/users/me", access: .customer) { try await change($0) }
    routes.get("/users", access: .staff) { call in
      let query = try call.query(pageParameters.union(["q", "role", "status"]))
      let page = try await service.users(filter(query), query.page())
      return try .page(page.map(UserView.init), of: call).counting(page.total)
    }
    routes.get("/users/{id}", access: .staff) { call in
      let user = try await service.user(call.parameter("id"))
      return try .json(UserView(user), version: user.version)
    }
    routes.get(
      "/internal/users/{id}/contact", access: .services(["notification-service", "order-service"])
    ) { call in
      let user = try await service.user(call.parameter("id"))
      return try .json(ContactView(email: user.email.text, name: user.name, locale: user.locale))
    }
  }

  private func filter(_ query: QueryParameters) throws -> UserFilter {
    func choice<Choice: RawRepresentable<String>>(
      _ name: String, _ expected: String
    ) throws -> Choice? {
      guard let text = query.text(name) else { return nil }
      guard let choice = Choice(rawValue: text) else {
        throw ValidationFailure(name, "invalid", "must be \(expected)")
      }
      return choice
    }
    let text = query.text("q")
    guard (text?.unicodeScalars.count ?? 1) <= UserFilter.textMax, text != "" else {
      throw ValidationFailure("q", "length", "must have 1 to \(UserFilter.textMax) characters")
    }
    return UserFilter(
      text: text, role: try choice("role", "customer, staff or admin"),
      status: try choice("status", "active, suspended or deleted"))
  }

  private func register(_ call: Call) async throws -> HTTPResponse {
    let body: NewUser = try call.json()
    let registration = try Registration(
      email: body.email, password: body.password, name: body.name, locale: body.locale)
    try await limits.admitRegistration(from: call.clientAddress?.description)
    // Before the transaction: it takes tens of milliseconds.
    let hash = try await hashPassword(registration.password)
    return try await call.idempotently { work in
      let user = try await within(work).register(registration, passwordHash: hash)
      return try .json(UserView(user), status: .created, version: user.version)
        .adding(.location, "/users/\(user.id)")
    }
  }

  private func change(_ call: Call) async throws -> HTTPResponse {
    struct Change: Decodable {
      let name: String?
      let locale: String?
    }
    let change: Change = try call.json()
    let user = try await service.user(try me(call))
    try call.checkMatch(version: user.version)
    let changed = try await service.rename(user, name: change.name, locale: change.locale)
    return try .json(UserView(changed), version: changed.version)
  }

  private func me(_ call: Call) throws -> UserID {
    guard let id = call.caller.userID else { throw Problem(.unauthenticated, "Sign in first.") }
    return id
  }
}

private struct NewUser: Decodable {
  let email: String
  let password: String
  let name: String
  let locale: String?
}

private struct ContactView: Encodable {
  let email: String
  let name: String
  let locale: String
}

struct UserView: Encodable {
  let id: UserID
  let email: String
  let name: String
  let role: Role
  let status: User.Status
  let emailVerified: Bool
  let locale: String
  let createdAt: Timestamp
  let version: Int

  init(_ user: User) {
    id = user.id
    email = user.email.text
    name = user.name
    role = user.role
    status = user.status
    emailVerified = user.isEmailVerified
    locale = user.locale
    createdAt = user.createdAt
    version = user.version
  }
}

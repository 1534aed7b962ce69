import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// What people do with their accounts over HTTP, and administrators with those of others.
struct AccountRoutes: Sendable {
  let store: any AccountStore
  let within: @Sendable (Work) -> AccountService
  let links: ActionLinks
  let limits: AttemptLimits
  let cryptography: any SessionCryptography
  let hashPassword: @Sendable (NewPassword) async throws -> String

  func add(to routes: inout Routes) {
    routes.put("/users/me/password", access: .customer) { try await changePassword($0) }
    routes.delete("/users/me", access: .customer) { try await delete($0) }
    routes.patch("/users/{id}", access: .admin) { try await administer($0) }
    routes.post("/email-verifications", access: .customer, key: .optional) { call in
      let user = try me(call)
      try await limits.admitMail(to: "\(user)", from: call.clientAddress?.description)
      return try await call.idempotently { work in
        try await within(work).requestVerification(of: user)
        return .accepted
      }
    }
    routes.post("/email-verifications/confirm", access: .anyone, key: .optional) { call in
      struct Confirmation: Decodable { let token: String }
      let action = try links.action(of: call.json(Confirmation.self).token, .verifyEmail)
      return try await call.idempotently { work in
        try await within(work).confirmEmail(by: action)
        return .noContent
      }
    }
    routes.post("/password-resets", access: .anyone, key: .optional) { call in
      struct Reset: Decodable { let email: String }
      let email = try EmailAddress(call.json(Reset.self).email)
      try await limits.admitMail(to: email.text, from: call.clientAddress?.description)
      return try await call.idempotently { work in
        try await within(work).requestReset(of: email)
        return .accepted
      }
    }
    routes.post("/password-resets/confirm", access: .anyone, key: .optional) {
      try await resetPassword($0)
    }
    routes.get("/internal/actions/{id}/link", access: .services(["notification-service"])) {
      try await link($0)
    }
  }

  private func resetPassword(_ call: Call) async throws -> HTTPResponse {
    struct Confirmation: Decodable {
      let token: String
      let newPassword: String
    }
    let body: Confirmation = try call.json()
    let action = try links.action(of: body.token, .resetPassword)
    let password = try NewPassword(body.newPassword, at: "/newPassword")
    // Before the transaction, since it takes tens of milliseconds, and only for a link that is
    // open; but a repeated request finds its own used up, and is answered from its key.
    let isOpen = try await store.action(action)?.isOpen(at: .now()) ?? false
    let hash = isOpen ? try await hashPassword(password) : nil
    return try await call.idempotently { work in
      guard let hash else { throw UserError.linkIsOver }
      try await within(work).resetPassword(to: hash, by: action)
      return .noContent
    }
  }

  private func changePassword(_ call: Call) async throws -> HTTPResponse {
    struct Change: Decodable {
      let current: String
      let new: String
    }
    let body: Change = try call.json()
    guard case .user(let id, _, let session) = call.caller else { throw NotFound("user") }
    let password = try NewPassword(body.new, at: "/new")
    _ = try await account(id, showing: body.current, call)
    let hash = try await hashPassword(password)
    try await call.transactionally { work in
      try await within(work).changePassword(to: hash, of: id, keeping: session)
    }
    return .noContent
  }

  private func delete(_ call: Call) async throws -> HTTPResponse {
    struct Farewell: Decodable { let password: String }
    let body: Farewell = try call.json()
    let user: User
    do {
      user = try await account(me(call), showing: body.password, call)
    } catch UserError.invalidCredentials {
      throw ValidationFailure("/password", "wrong", "is not the account's password")
    }
    try call.checkMatch(version: user.version)
    try await call.transactionally { try await within($0).delete(user) }
    return .noContent
  }

  private func administer(_ call: Call) async throws -> HTTPResponse {
    struct Change: Decodable {
      let role: Role?
      let status: User.Status?
    }
    guard let user = try await store.user(call.parameter("id")), user.status != .deleted else {
      throw NotFound("user")
    }
    try call.requireMatch(version: user.version)
    let change: Change = try call.json()
    let changed = try await call.transactionally { work in
      try await within(work).administer(
        user, role: change.role, status: change.status, by: call.caller)
    }
    return try .json(UserView(changed), version: changed.version)
  }

  private func link(_ call: Call) async throws -> HTTPResponse {
    struct Link: Encodable {
      let url: String
      let expiresAt: Timestamp
    }
    guard let action = try await store.action(call.parameter("id")) else { throw NotFound("link") }
    guard action.isOpen(at: .now()) else { throw UserError.linkIsOver }
    return try .json(Link(url: links.url(of: action), expiresAt: action.expiresAt))
  }

  /// The account, whose password is right. Wrong ones count as when signing in.
  ///
  /// - Throws: `UserError`
  private func account(
    _ id: UserID, showing password: String, _ call: Call
  ) async throws -> User {
    guard let credentials = try await store.credentials(of: id),
      credentials.user.status != .deleted
    else { throw NotFound("user") }
    try await limits.trying(
      credentials.user.email.text, from: call.clientAddress?.description
    ) {
      try await cryptography.isRight(password, for: credentials.passwordHash)
    }
    return credentials.user
  }

  private func me(_ call: Call) throws -> UserID {
    guard let id = call.caller.userID else { throw Problem(.unauthenticated, "Sign in first.") }
    return id
  }
}

extension HTTPResponse {
  fileprivate static var accepted: HTTPResponse { HTTPResponse(HTTPStatus(202)) }
}

import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Signing in and out over HTTP, and the keys by which others check what was signed.
struct SessionRoutes: Sendable {
  let service: SessionService
  let keySet: @Sendable () async throws -> [UInt8]

  func add(to routes: inout Routes) {
    routes.post("/sessions", access: .anyone) { call in
      struct SignIn: Decodable {
        let email: String
        let password: String
      }
      let body: SignIn = try call.json()
      return try .json(
        try await service.signIn(
          email: body.email, password: body.password, from: call.clientAddress?.description,
          userAgent: call.request.fields[.userAgent]))
    }
    routes.post("/sessions/refresh", access: .anyone) { call in
      struct Refresh: Decodable {
        let refreshToken: String
      }
      return try .json(try await service.refresh(call.json(Refresh.self).refreshToken))
    }
    routes.get("/sessions", access: .customer) { call in
      guard case .user(let user, _, let current) = call.caller else { throw NotFound("session") }
      return try .json(
        try await service.sessions(of: user).map { SessionView($0, isCurrent: $0.id == current) })
    }
    routes.delete("/sessions/{id}", access: .customer) { call in
      guard case .user(let user, _, let current) = call.caller else { throw NotFound("session") }
      let id: UUID128 =
        try call.parameter("id", as: String.self) == "current" ? current : call.parameter("id")
      try await service.end(id, of: user)
      return .noContent
    }
    routes.get("/.well-known/jwks.json", access: .anyone) { _ in
      .json(bytes: try await keySet()).adding(.cacheControl, "public, max-age=300")
    }
  }
}

extension UserError: RetryableFailure {
  var retryAfter: Duration? {
    switch self {
    case .tooManyAttempts: AttemptLimits.window
    case .busy: .seconds(1)
    case .emailTaken, .invalidCredentials, .sessionEnded, .changedMeanwhile, .linkIsOver,
      .lastAdministrator:
      nil
    }
  }
}

private struct SessionView: Encodable {
  let id: UUID128
  let isCurrent: Bool
  let userAgent: String?
  /// The network that it was begun from: `192.0.2`.
  let addressPrefix: String?
  let createdAt: Timestamp
  let expiresAt: Timestamp

  init(_ session: Session, isCurrent: Bool) {
    id = session.id
    self.isCurrent = isCurrent
    userAgent = session.userAgent
    addressPrefix = session.addressPrefix
    createdAt = session.createdAt
    expiresAt = session.expiresAt
  }
}

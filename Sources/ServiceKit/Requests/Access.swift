import SharedKernel

/// Who may call a route.
package enum Access: Sendable, CustomStringConvertible {
  /// Anybody; a token is not looked at.
  case anyone
  /// Guests and users; a token, if there is one, must be good, and a service's is refused.
  case optional
  /// Any signed-in user.
  case customer
  case staff
  case admin
  /// Only these services of ours, by name: `order-service`.
  case services(Set<String>)

  package var description: String {
    switch self {
    case .anyone: "anyone"
    case .optional: "anyone, or a user"
    case .customer: "customer"
    case .staff: "staff"
    case .admin: "admin"
    case .services(let names): "service: " + names.sorted().joined(separator: ", ")
    }
  }

  /// - Throws: `Problem` unauthenticated or forbidden.
  func admit(_ caller: Caller) throws(Problem) {
    switch (self, caller) {
    case (.anyone, _), (.optional, .anonymous), (.optional, .user), (.customer, .user): return
    case (.staff, .user(_, let role, _)) where role >= .staff: return
    case (.admin, .user(_, .admin, _)): return
    case (.services(let names), .service(let name)) where names.contains(name): return
    case (_, .anonymous): throw Problem(.unauthenticated, "This needs a bearer token.")
    case (.services, _), (_, .service):
      throw Problem(.forbidden, "This is for other callers.", members: ["requiredRole": "service"])
    case (.staff, _), (.admin, _):
      let role = if case .admin = self { "admin" } else { "staff" }
      throw Problem(
        .forbidden, "This needs the role \(role).", members: ["requiredRole": .text(role)])
    }
  }
}

/// What a route does with `Idempotency-Key`.
package enum KeyRule: Sendable {
  /// Not looked at: the method and path are idempotent by themselves, or nothing is changed.
  case none
  /// Honoured; made here when absent, and told in the answer.
  case optional
  /// Absent is refused.
  case required
}

/// Against which limit a route's requests are counted while they are under way.
package enum LoadRule: Sendable {
  /// Against none: health and metrics are never turned away.
  case exempt
  case working
  /// Against that of requests that wait for somebody else, and cost little more than their connection.
  case waiting
  /// As `waiting` if the client says `Prefer: wait`, else as `working`.
  case waitingIfAsked
}

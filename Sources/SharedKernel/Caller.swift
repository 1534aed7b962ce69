/// Marks ids of users; the user service's own entity is its alone.
package enum UserSubject {}
package typealias UserID = ID<UserSubject>

/// What a signed-in user may do, least first.
package enum Role: String, Codable, Sendable, Comparable, CaseIterable {
  case customer, staff, admin

  package static func < (left: Role, right: Role) -> Bool {
    left.rank < right.rank
  }

  private var rank: Int {
    switch self {
    case .customer: 0
    case .staff: 1
    case .admin: 2
    }
  }
}

/// Who is asking, as far as it has been proven.
package enum Caller: Hashable, Sendable {
  case anonymous
  case user(UserID, role: Role, session: UUID128)
  /// One of our services, by its name (`order-service`).
  case service(String)

  package var userID: UserID? {
    if case .user(let id, _, _) = self { id } else { nil }
  }

  package var role: Role? {
    if case .user(_, let role, _) = self { role } else { nil }
  }

  /// Staff or admin.
  package var isStaff: Bool { (role ?? .customer) >= .staff }

  /// Whom idempotency keys belong to.
  package var principal: String {
    switch self {
    case .anonymous: "anon"
    case .user(let id, _, _): "user:\(id)"
    case .service(let name): "service:\(name)"
    }
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel

/// Asks the other services where a recipient is reached.
struct ContactClient: ContactBook {
  let users: any Upstream
  let orders: any Upstream

  /// - Throws: `UpstreamFailure` while the service that knows does not answer.
  func contact(of recipient: Recipient) async throws -> Contact? {
    switch recipient {
    case .staff: return nil
    case .user(let id): return try await ask(users, "/internal/users/\(id)/contact")
    case .order(let id): return try await ask(orders, "/internal/orders/\(id)")
    }
  }

  private func ask(_ upstream: any Upstream, _ target: String) async throws -> Contact? {
    /// An order may have no address.
    struct Answer: Decodable {
      let email: String?
      let name: String?
    }
    let response = try await upstream.call(.get, target)
    if response.status.code == 404 { return nil }
    guard response.status == .ok else {
      throw UpstreamFailure(
        target: upstream.name, reason: .unavailable, cause: "answered \(response.status.code)")
    }
    let answer: Answer = try response.decoded()
    return answer.email.map { Contact(email: $0, name: answer.name) }
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel

/// Asks the other services where a recipient is reached.
struct ContactClient: ContactBook {
  let users: any Upstream
  let orders: any Upstream
  /// Where mail to staff goes; nil when they look at the list alone.
  var staff: String?

  /// - Throws: `UpstreamFailure` while the service that knows does not answer.
  func contact(of recipient: Recipient) async throws -> Contact? {
    switch recipient {
    case .staff: return staff.map { Contact(email: $0, name: nil) }
    case .user(let id): return try await ask(users, "/internal/users/\(id)/contact")
    case .order(let id): return try await ask(orders, "/internal/orders/\(id)")
    }
  }

  func link(of action: UUID128) async throws -> String? {
    struct Answer: Decodable { let url: String }
    return try await answer(users, "/internal/actions/\(action)/link", as: Answer.self)?.url
  }

  private func ask(_ upstream: any Upstream, _ target: String) async throws -> Contact? {
    /// An order may have no address.
    struct Answer: Decodable {
      let email: String?
      let name: String?
      let locale: String?
    }
    guard let answer = try await answer(upstream, target, as: Answer.self) else { return nil }
    return answer.email.map { Contact(email: $0, name: answer.name, locale: answer.locale) }
  }

  /// nil for what is not there, or no longer.
  private func answer<Answer: Decodable>(
    _ upstream: any Upstream, _ target: String, as type: Answer.Type
  ) async throws -> Answer? {
    let response = try await upstream.call(.get, target)
    if response.status.code == 404 || response.status.code == 410 { return nil }
    guard response.status == .ok else {
      throw UpstreamFailure(target: upstream.name, answer: response)
    }
    return try response.decoded()
  }
}

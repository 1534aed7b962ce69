import HTTPMessages
import ServiceKit
import SharedKernel

/// The user service as checkout uses it: the addresses that users keep.
struct UserClient: AddressBook {
  let upstream: any Upstream

  func address(_ id: ID<SavedAddress>, of user: UserID) async throws -> PostalAddress? {
    let answer = try await upstream.call(
      .get, "/internal/users/\(user)/addresses/\(id)",
      options: .repeatable(attempt: .seconds(1), attemptsMax: 3))
    if answer.status.code == 404 { return nil }
    guard answer.status == .ok else {
      throw UpstreamFailure(target: upstream.name, answer: answer)
    }
    return try answer.decoded(as: PostalAddress.self)
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Users

@Suite("The address routes", .timeLimit(.minutes(2)))
struct AddressRoutesTests {
  private struct AddressView: Decodable {
    let id: String
    let line1: String
    let country: String
    let phone: String?
    let isDefault: Bool
  }

  private static let path = "/users/me/addresses"

  private static func body(_ line1: String, _ extra: String = "") -> String {
    """
    {"name":"Ada","line1":"\(line1)","city":"Bern","postalCode":"3000","country":"CH"\(extra)}
    """
  }

  @Test("addresses are kept, listed with the default first, replaced and forgotten")
  func life() async throws {
    let bench = try await UsersBench()
    let token = try await bench.tokens(of: "ada@example.org").accessToken
    func list() async throws -> [AddressView] {
      try await bench.send(.get, Self.path, as: token).decoded()
    }
    #expect(try await list().isEmpty)
    let made = try await bench.send(.post, Self.path, as: token, body: Self.body("1 Main St"))
    #expect(made.status.code == 201)
    let first: AddressView = try made.decoded()
    #expect(made.fields[.location] == "\(Self.path)/\(first.id)")
    #expect(first.isDefault)
    let second: AddressView = try await bench.send(
      .post, Self.path, as: token, body: Self.body("2 Main St")
    ).decoded()
    #expect(!second.isDefault)

    let changed = try await bench.send(
      .put, "\(Self.path)/\(second.id)", as: token,
      body: Self.body("3 Main St", #","phone":"+41 31 000 00 00","isDefault":true"#))
    #expect(changed.status == .ok)
    #expect(try changed.decoded(as: AddressView.self).phone == "+41 31 000 00 00")
    #expect(try await list().map(\.line1) == ["3 Main St", "1 Main St"])
    #expect(try await list().map(\.isDefault) == [true, false])
    let kept = try await bench.send(
      .put, "\(Self.path)/\(second.id)", as: token, body: Self.body("4 Main St"))
    #expect(try kept.decoded(as: AddressView.self).isDefault)

    let gone = try await bench.send(.delete, "\(Self.path)/\(first.id)", as: token)
    #expect(gone.status.code == 204)
    #expect(
      try await bench.send(.delete, "\(Self.path)/\(first.id)", as: token).status.code == 404)
    #expect(try await list().map(\.id) == [second.id])
  }

  @Test("an address is its user's alone")
  func ownership() async throws {
    let bench = try await UsersBench()
    let owner = try await bench.tokens(of: "ada@example.org").accessToken
    let other = try await bench.tokens(of: "bob@example.org").accessToken
    let address: AddressView = try await bench.send(
      .post, Self.path, as: owner, body: Self.body("1 Main St")
    ).decoded()
    let one = "\(Self.path)/\(address.id)"
    #expect(
      try await bench.send(.put, one, as: other, body: Self.body("mine")).status.code == 404)
    #expect(try await bench.send(.delete, one, as: other).status.code == 404)
    #expect(try await bench.send(.get, Self.path).status.code == 401)
    #expect(
      try await bench.send(.get, Self.path, as: other).decoded(as: [AddressView].self).isEmpty)
    let user: UserID? = try await bench.database.value(
      "SELECT id FROM users WHERE email = 'ada@example.org'")
    let inside = "/internal/users/\(try #require(user))/addresses/\(address.id)"
    for token in [owner, try await bench.serviceToken()] {
      #expect(try await bench.send(.get, inside, as: token).status.code == 403)
    }
  }

  @Test("the same key keeps one address; what is not acceptable names its faults")
  func refused() async throws {
    let bench = try await UsersBench()
    let token = try await bench.tokens(of: "ada@example.org").accessToken
    for _ in 0..<2 {
      let made = try await bench.send(
        .post, Self.path, as: token, body: Self.body("1 Main St"),
        fields: [.idempotencyKey: "0123456789abcdef"])
      #expect(made.status.code == 201)
    }
    let count: Int? = try await bench.database.value("SELECT count(*) FROM addresses")
    #expect(count == 1)
    let bad = try await bench.send(
      .post, Self.path, as: token, body: Self.body("").replacing("CH", with: "ch"))
    #expect(bad.status.code == 422)
    let text = String(decoding: bad.body, as: UTF8.self)
    #expect(text.contains(#""pointer":"/line1""#))
    #expect(text.contains(#""pointer":"/country""#))
  }

  @Test("a user has twenty addresses at most, and one default, however many come at once")
  func bounds() async throws {
    let bench = try await UsersBench()
    let token = try await bench.tokens(of: "ada@example.org").accessToken
    let answers = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<25 {
        group.addTask {
          try await bench.send(
            .post, Self.path, as: token, body: Self.body("\(number)", #","isDefault":true"#)
          ).status.code
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.filter { $0 == 201 }.count == Address.countPerUserMax)
    #expect(answers.filter { $0 == 422 }.count == 5)
    let kept = try await bench.send(.get, Self.path, as: token).decoded(as: [AddressView].self)
    #expect(kept.map(\.isDefault) == [true] + Array(repeating: false, count: 19))
  }
}

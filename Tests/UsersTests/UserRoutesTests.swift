import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Users

@Suite("The account routes", .timeLimit(.minutes(2)))
struct UserRoutesTests {
  struct UserView: Decodable {
    let id: UserID
    let email: String
    let name: String
    let role: Role
    let status: String
    let emailVerified: Bool
    let locale: String
    let version: Int
  }

  @Test("registering makes a customer, tells where it is, and says so in one event")
  func register() async throws {
    let bench = try await UsersBench()
    let response = try await bench.register("ada@example.org")
    #expect(response.status.code == 201)
    let user: UserView = try response.decoded()
    #expect(response.fields[.location] == "/users/\(user.id)")
    #expect(response.fields[.etag] == "\"v1\"")
    #expect(response.fields[.idempotencyKey] != nil)
    #expect(user.role == .customer)
    #expect(user.status == "active")
    #expect(!user.emailVerified)
    #expect(!String(decoding: response.body, as: UTF8.self).contains("password"))
    let events = try await bench.database.query("SELECT type, subject FROM outbox") {
      "\(try $0.next(as: String.self)) \(try $0.next(as: String.self))"
    }
    #expect(events == ["user.registered \(user.id)"])
  }

  @Test("the same key gives the same account; another body with it is refused")
  func idempotency() async throws {
    let bench = try await UsersBench()
    let key = "registration-0001"
    let first: UserView = try await bench.register("ada@example.org", key: key).decoded()
    let again = try await bench.register("ada@example.org", key: key)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.fields[.location] == "/users/\(first.id)")
    #expect(try again.decoded(as: UserView.self).id == first.id)
    let other = try await bench.register("bob@example.org", key: key)
    #expect(other.problemKind == .idempotencyKeyReused)
  }

  @Test("an address is registered once, whatever its letters' case")
  func duplicate() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let response = try await bench.register("ADA@example.org")
    #expect(response.problemKind == .duplicateResource)
    #expect(response.problemBody?["field"]?.textValue == "email")
    let count: Int? = try await bench.database.first("SELECT count(*) FROM users") {
      try $0.next()
    }
    #expect(count == 1)
  }

  @Test("what is wrong with a registration is told with pointers, and nothing is stored")
  func invalid() async throws {
    let bench = try await UsersBench()
    let response = try await bench.send(
      .post, "/users", body: #"{"email":"ada","password":"short","name":""}"#)
    #expect(response.problemKind == .validationFailed)
    let text = String(decoding: response.body, as: UTF8.self)
    for pointer in ["/email", "/password", "/name"] { #expect(text.contains("\"\(pointer)\"")) }
    let unknown = try await bench.send(
      .post, "/users",
      body: #"{"email":"a@b.example","password":"correct horse","name":"A","role":"admin"}"#)
    #expect(unknown.problemKind == .validationFailed)
    let count: Int? = try await bench.database.first("SELECT count(*) FROM users") {
      try $0.next()
    }
    #expect(count == 0)
  }

  @Test("my account is shown with its version, changed under it, and not under an old one")
  func change() async throws {
    let bench = try await UsersBench()
    let token = try await bench.tokens(of: "ada@example.org").accessToken
    let shown = try await bench.send(.get, "/users/me", as: token)
    #expect(shown.fields[.etag] == "\"v1\"")
    let known = try await bench.send(
      .get, "/users/me", as: token, fields: [.ifNoneMatch: "\"v1\""])
    #expect(known.status.code == 304)
    let changed = try await bench.send(
      .patch, "/users/me", as: token, body: #"{"name":"Countess","locale":"de-CH"}"#,
      fields: [.ifMatch: "\"v1\""])
    let user: UserView = try changed.decoded()
    #expect(user.name == "Countess")
    #expect(user.locale == "de-CH")
    #expect(user.version == 2)
    let stale = try await bench.send(
      .patch, "/users/me", as: token, body: #"{"name":"Late"}"#, fields: [.ifMatch: "\"v1\""])
    #expect(stale.problemKind == .preconditionFailed)
    for body in [#"{"name":""}"#, #"{"locale":"?"}"#, #"{"role":"admin"}"#] {
      let refused = try await bench.send(.patch, "/users/me", as: token, body: body)
      #expect(refused.problemKind == .validationFailed)
    }
  }

  @Test("without a token there is no account; with a bad one neither")
  func unauthenticated() async throws {
    let bench = try await UsersBench()
    for token in [nil, "x", "a.b.c"] {
      let response = try await bench.send(.get, "/users/me", as: token)
      #expect(response.status.code == 401)
      #expect(response.fields["WWW-Authenticate"] != nil)
    }
  }

  @Test("only staff see other accounts, page by page")
  func staff() async throws {
    let bench = try await UsersBench()
    let customer = try await bench.tokens(of: "ada@example.org")
    for number in 0..<3 { _ = try await bench.register("\(number)@example.org") }
    let refused = try await bench.send(.get, "/users", as: customer.accessToken)
    #expect(refused.problemKind == .forbidden)
    #expect(refused.problemBody?["requiredRole"]?.textValue == "staff")

    try await bench.setRole(.staff, of: "ada@example.org")
    let token = try await bench.signIn("ada@example.org").decoded(as: Tokens.self).accessToken
    var seen: [String] = []
    var target: String? = "/users?limit=3"
    while let page = target {
      let response = try await bench.send(.get, page, as: token)
      #expect(response.status.code == 200)
      seen += try response.decoded(as: [UserView].self).map(\.email)
      target = response.fields[.link].map { String($0.dropFirst().prefix { $0 != ">" }) }
    }
    #expect(
      Set(seen)
        == ["ada@example.org", "0@example.org", "1@example.org", "2@example.org"])
    #expect(seen.count == 4)
    let counted = try await bench.send(
      .get, "/users?role=customer&limit=1&total=true", as: token)
    let customers: Int? = try await bench.database.value(
      "SELECT count(*) FROM users WHERE role = 'customer'")
    #expect(counted.fields["X-Total-Count"] == customers.map { "\($0)" })
    let staff: [UserView] = try await bench.send(.get, "/users?role=staff", as: token).decoded()
    #expect(staff.map(\.email) == ["ada@example.org"])
    let wrong = try await bench.send(.get, "/users?role=king", as: token)
    #expect(wrong.problemKind == .validationFailed)
    #expect(try await bench.send(.get, "/users/\(UserID.new())", as: token).status.code == 404)
    #expect(try await bench.send(.get, "/users/\(staff[0].id)", as: token).status.code == 200)
  }

  @Test("a user's address is told to the services that write to it, and to no user")
  func contact() async throws {
    struct Contact: Decodable {
      let email: String
      let name: String
      let locale: String
    }
    let bench = try await UsersBench()
    let user: UserView = try await bench.register("ada@example.org").decoded()
    let path = "/internal/users/\(user.id)/contact"
    let token = try await bench.serviceToken()
    let contact: Contact = try await bench.send(.get, path, as: token).decoded()
    #expect(contact.email == "ada@example.org")
    #expect(contact.name == "Ada")
    #expect(contact.locale == "en")
    let unknown = "/internal/users/\(UserID.new())/contact"
    #expect(try await bench.send(.get, unknown, as: token).status.code == 404)
    try await bench.setRole(.admin, of: "ada@example.org")
    let admin = try await bench.signIn("ada@example.org").decoded(as: Tokens.self).accessToken
    #expect(try await bench.send(.get, path, as: admin).status.code == 403)
    #expect(try await bench.send(.get, path).status.code == 401)
    #expect(try await bench.send(.get, "/users/me", as: token).status.code == 403)
  }

  @Test("the seed's accounts can sign in, and seeding again changes nothing")
  func seed() async throws {
    let bench = try await UsersBench()
    let seed = UserSeedRepository(database: bench.database)
    try await seed.run()
    try await seed.run()
    for (email, password, role) in [
      ("shopper@shop.example", "shopper-likes-laptops", Role.customer),
      ("staff@shop.example", "staff-packs-parcels", .staff),
      ("admin@shop.example", "admin-minds-the-shop", .admin),
    ] {
      let tokens: Tokens = try await bench.signIn(email, password: password).decoded()
      let me: UserView = try await bench.send(.get, "/users/me", as: tokens.accessToken).decoded()
      #expect(me.role == role)
      #expect(me.emailVerified)
    }
  }
}

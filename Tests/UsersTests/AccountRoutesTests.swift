import HTTPMessages
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Users

@Suite("What people do with their accounts", .timeLimit(.minutes(5)))
struct AccountRoutesTests {
  private struct Me: Decodable {
    let id: UserID
    let email: String
    let name: String
    let role: Role
    let status: String
    let emailVerified: Bool
    let version: Int
  }

  private static let newPassword = "purple elephants dance"

  private func me(_ bench: UsersBench, _ token: String) async throws -> Me {
    try await bench.send(.get, "/users/me", as: token).decoded()
  }

  private func events(_ bench: UsersBench) async throws -> [String] {
    try await bench.database.values("SELECT type FROM outbox ORDER BY id")
  }

  /// The token in the link of the latest action of that kind, asked for as the notification service
  /// does.
  private func mailedToken(_ bench: UsersBench, _ kind: AccountAction.Kind) async throws -> String {
    struct Link: Decodable { let url: String }
    let id: UUID128? = try await bench.database.value(
      "SELECT id FROM actions WHERE kind = \(kind.rawValue) ORDER BY id DESC LIMIT 1")
    let answer = try await bench.send(
      .get, "/internal/actions/\(try #require(id))/link", as: try await bench.serviceToken())
    let url = try answer.decoded(as: Link.self).url
    let page = kind == .verifyEmail ? "verify-email" : "reset-password"
    #expect(url.hasPrefix("https://shop.example/\(page)?token="))
    return String(try #require(url.split(separator: "=").last))
  }

  private func post(
    _ bench: UsersBench, _ path: String, _ body: String, key: String? = nil
  ) async throws -> HTTPResponse {
    try await bench.send(
      .post, path, body: body, fields: key.map { [.idempotencyKey: $0] } ?? [:])
  }

  // MARK: Confirming an address

  @Test("the link of the welcome mail confirms the address, once")
  func verification() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    #expect(try await !me(bench, tokens.accessToken).emailVerified)
    let token = try await mailedToken(bench, .verifyEmail)
    let body = #"{"token":"\#(token)"}"#
    let key = "verification-key-1"
    #expect(
      try await post(bench, "/email-verifications/confirm", body, key: key).status.code == 204)
    #expect(try await me(bench, tokens.accessToken).emailVerified)
    // The same request again is answered as before; another finds the link used up.
    let again = try await post(bench, "/email-verifications/confirm", body, key: key)
    #expect(again.status.code == 204)
    #expect(try await post(bench, "/email-verifications/confirm", body).problemKind == .gone)
  }

  @Test("another link can be asked for, until the address is confirmed")
  func askAgain() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    func ask() async throws -> Int {
      try await bench.send(.post, "/email-verifications", as: tokens.accessToken).status.code
    }
    #expect(try await ask() == 202)
    #expect(try await events(bench) == ["user.registered", "user.email_verification_requested"])
    let token = try await mailedToken(bench, .verifyEmail)
    _ = try await post(bench, "/email-verifications/confirm", #"{"token":"\#(token)"}"#)
    #expect(try await ask() == 202)
    #expect(try await events(bench).count == 2)
    #expect(try await bench.send(.post, "/email-verifications").status.code == 401)
  }

  @Test("no event holds a token, and no table does")
  func noTokens() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let code = try #require(try await mailedToken(bench, .verifyEmail).split(separator: ".").last)
    let rows = try await bench.database.query(
      "SELECT o::text || a::text || u::text FROM outbox o, actions a, users u"
    ) { try $0.next(as: String.self) }
    #expect(!rows.isEmpty && rows.allSatisfy { !$0.contains(code) })
  }

  @Test("a token of another kind, of another id or made up is refused")
  func forged() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let token = try await mailedToken(bench, .verifyEmail)
    let code = try #require(token.split(separator: ".").last)
    let forgeries = [
      "", "x", ".", "\(UUID128.v7()).\(code)", token + "A", String(token.dropLast()),
    ]
    for forged in forgeries {
      let refused = try await post(
        bench, "/email-verifications/confirm", #"{"token":"\#(forged)"}"#)
      #expect(refused.problemKind == .validationFailed, "\(forged)")
    }
    let other = try await post(
      bench, "/password-resets/confirm",
      #"{"token":"\#(token)","newPassword":"\#(Self.newPassword)"}"#)
    #expect(other.problemKind == .validationFailed)
  }

  @Test("a link is for the notification service alone, and over when its time is")
  func links() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let id: UUID128? = try await bench.database.value("SELECT id FROM actions")
    let path = "/internal/actions/\(try #require(id))/link"
    #expect(try await bench.send(.get, path, as: tokens.accessToken).status.code == 403)
    let service = try await bench.serviceToken()
    let unknown = "/internal/actions/\(UUID128.v7())/link"
    #expect(try await bench.send(.get, unknown, as: service).status.code == 404)
    let token = try await mailedToken(bench, .verifyEmail)
    try await bench.database.execute("UPDATE actions SET expires_at = now()")
    #expect(try await bench.send(.get, path, as: service).problemKind == .gone)
    let late = try await post(
      bench, "/email-verifications/confirm", #"{"token":"\#(token)"}"#)
    #expect(late.problemKind == .gone)
  }

  // MARK: Passwords

  @Test("who forgot the password gets in by a mail; whoever was signed in is out")
  func reset() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let known = try await post(bench, "/password-resets", #"{"email":"ada@example.org"}"#)
    let unknown = try await post(bench, "/password-resets", #"{"email":"bob@example.org"}"#)
    #expect(known.status.code == 202 && unknown.status.code == 202)
    #expect(known.body == unknown.body)
    #expect(try await events(bench) == ["user.registered", "user.password_reset_requested"])
    let token = try await mailedToken(bench, .resetPassword)
    let weak = try await post(
      bench, "/password-resets/confirm", #"{"token":"\#(token)","newPassword":"password123"}"#)
    #expect(weak.problemKind == .validationFailed)
    let body = #"{"token":"\#(token)","newPassword":"\#(Self.newPassword)"}"#
    let key = "password-reset-key"
    #expect(try await post(bench, "/password-resets/confirm", body, key: key).status.code == 204)
    #expect(try await post(bench, "/password-resets/confirm", body, key: key).status.code == 204)
    #expect(try await post(bench, "/password-resets/confirm", body).problemKind == .gone)
    #expect(try await bench.refresh(tokens.refreshToken).status.code == 401)
    #expect(try await bench.signIn("ada@example.org").status.code == 401)
    let signedIn = try await bench.signIn("ada@example.org", password: Self.newPassword)
    #expect(signedIn.status.code == 200)
    #expect(try await me(bench, signedIn.decoded(as: Tokens.self).accessToken).emailVerified)
    #expect(try await events(bench).last == "user.password_changed")
  }

  @Test("of several links to reset with, one works, and opens an account that was locked")
  func resetOnce() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    var links: [String] = []
    for _ in 0..<2 {
      _ = try await post(bench, "/password-resets", #"{"email":"ada@example.org"}"#)
      links.append(try await mailedToken(bench, .resetPassword))
    }
    try await bench.database.execute(
      """
      INSERT INTO login_attempts (account, ip_prefix, failed)
      SELECT 'ada@example.org', '192.0.2', true FROM generate_series(1, 10)
      """)
    #expect(try await bench.signIn("ada@example.org").status.code == 429)
    let codes = try await [links[1], links[0]].asyncMap { token in
      try await post(
        bench, "/password-resets/confirm",
        #"{"token":"\#(token)","newPassword":"\#(Self.newPassword)"}"#
      ).status.code
    }
    #expect(codes == [204, 410])
    #expect(
      try await bench.signIn("ada@example.org", password: Self.newPassword).status.code == 200)
  }

  @Test("ten resets of one account may be asked for, known or not")
  func throttled() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    for email in ["ada@example.org", "bob@example.org"] {
      for _ in 0..<10 {
        #expect(
          try await post(bench, "/password-resets", #"{"email":"\#(email)"}"#).status.code == 202)
      }
      let refused = try await post(bench, "/password-resets", #"{"email":"\#(email)"}"#)
      #expect(refused.problemKind == .rateLimited)
      #expect(refused.fields[.retryAfter] == "900")
    }
  }

  @Test("who changes the password shows the old one; other sessions end, this one goes on")
  func change() async throws {
    let bench = try await UsersBench()
    let here = try await bench.tokens(of: "ada@example.org")
    let there: Tokens = try await bench.signIn("ada@example.org").decoded()
    func change(from current: String, to new: String) async throws -> HTTPResponse {
      try await bench.send(
        .put, "/users/me/password", as: here.accessToken,
        body: #"{"current":"\#(current)","new":"\#(new)"}"#)
    }
    #expect(
      try await change(from: "wrong horse battery", to: Self.newPassword).problemKind
        == .invalidCredentials)
    #expect(
      try await change(from: UsersBench.password, to: "short").problemKind == .validationFailed)
    #expect(
      try await change(from: UsersBench.password, to: Self.newPassword).status.code == 204)
    #expect(try await bench.refresh(there.refreshToken).status.code == 401)
    #expect(try await bench.refresh(here.refreshToken).status.code == 200)
    #expect(try await events(bench) == ["user.registered", "user.password_changed"])
  }

  @Test("wrong passwords of somebody who is signed in count as well")
  func guessing() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    for attempt in 0..<11 {
      let answer = try await bench.send(
        .put, "/users/me/password", as: tokens.accessToken,
        body: #"{"current":"wrong horse battery","new":"\#(Self.newPassword)"}"#)
      #expect(answer.problemKind == (attempt < 10 ? .invalidCredentials : .rateLimited))
    }
  }

  // MARK: The end of an account

  @Test("a deleted account leaves nobody's name, signs nobody in, and frees its address")
  func deletion() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let id = try await me(bench, tokens.accessToken).id
    let kept = try await bench.send(
      .post, "/users/me/addresses", as: tokens.accessToken,
      body: """
        {"name":"Ada","line1":"1 Main St","city":"Bern","postalCode":"3000","country":"CH"}
        """)
    #expect(kept.status.code == 201)
    func delete(_ password: String, match: String? = nil) async throws -> HTTPResponse {
      try await bench.send(
        .delete, "/users/me", as: tokens.accessToken, body: #"{"password":"\#(password)"}"#,
        fields: match.map { [.ifMatch: $0] } ?? [:])
    }
    #expect(try await delete("wrong horse battery").problemKind == .validationFailed)
    #expect(
      try await delete(UsersBench.password, match: "\"v9\"").problemKind == .preconditionFailed)
    #expect(try await delete(UsersBench.password).status.code == 204)
    #expect(try await bench.signIn("ada@example.org").problemKind == .invalidCredentials)
    #expect(try await bench.refresh(tokens.refreshToken).status.code == 401)
    #expect(try await bench.send(.get, "/users/me", as: tokens.accessToken).status.code == 404)
    let contact = "/internal/users/\(id)/contact"
    #expect(
      try await bench.send(.get, contact, as: try await bench.serviceToken()).status.code == 404)
    let left = try await bench.database.query(
      "SELECT u::text || s::text FROM users u JOIN sessions s ON s.user_id = u.id"
    ) { try $0.next(as: String.self) }
    #expect(!left.isEmpty && left.allSatisfy { !$0.contains("ada@") && !$0.contains("Ada") })
    let addresses: Int? = try await bench.database.value("SELECT count(*) FROM addresses")
    #expect(addresses == 0)
    #expect(left.allSatisfy { !$0.contains("192.0.2") && !$0.contains("argon2") })
    #expect(try await events(bench) == ["user.registered", "user.deleted"])
    #expect(try await bench.register("ada@example.org").status.code == 201)
  }

  // MARK: Administration

  @Test("an administrator gives roles and suspends, by the version that was seen, and it is noted")
  func administration() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("admin@example.org")
    try await bench.setRole(.admin, of: "admin@example.org")
    let admin: Tokens = try await bench.signIn("admin@example.org").decoded()
    let ada = try await bench.tokens(of: "ada@example.org")
    let id = try await me(bench, ada.accessToken).id
    func patch(_ body: String, match: String?, as token: String) async throws -> HTTPResponse {
      try await bench.send(
        .patch, "/users/\(id)", as: token, body: body,
        fields: match.map { [.ifMatch: $0] } ?? [:])
    }
    let promote = #"{"role":"staff"}"#
    #expect(try await patch(promote, match: "\"v1\"", as: ada.accessToken).status.code == 403)
    #expect(try await patch(promote, match: nil, as: admin.accessToken).status.code == 428)
    #expect(try await patch(promote, match: "\"v5\"", as: admin.accessToken).status.code == 412)
    let promoted = try await patch(promote, match: "\"v1\"", as: admin.accessToken)
    #expect(promoted.fields[.etag] == "\"v2\"")
    #expect(try promoted.decoded(as: Me.self).role == .staff)
    // The next token has the new role.
    let next: Tokens = try await bench.refresh(ada.refreshToken).decoded()
    #expect(try await bench.send(.get, "/users", as: next.accessToken).status.code == 200)
    let gone = try await patch(
      #"{"status":"deleted"}"#, match: "\"v2\"", as: admin.accessToken)
    #expect(gone.problemKind == .validationFailed)
    let suspended = try await patch(
      #"{"status":"suspended"}"#, match: "\"v2\"", as: admin.accessToken)
    #expect(try suspended.decoded(as: Me.self).status == "suspended")
    #expect(try await bench.refresh(next.refreshToken).status.code == 401)
    #expect(try await bench.signIn("ada@example.org").status.code == 401)
    #expect(try await events(bench).last == "user.sessions_revoked")
    let noted: Int? = try await bench.database.value(
      "SELECT count(*) FROM audit_log WHERE subject = \("user:\(id)")")
    #expect(noted == 2)
  }

  @Test("the last administrator stays one, also when two demote each other at once")
  func lastAdministrator() async throws {
    let bench = try await UsersBench()
    let administrators = try await ["one@example.org", "two@example.org"].asyncMap { email in
      _ = try await bench.register(email)
      try await bench.setRole(.admin, of: email)
      let token = try await bench.signIn(email).decoded(as: Tokens.self).accessToken
      return (token: token, id: try await me(bench, token).id)
    }
    let codes = try await withThrowingTaskGroup(of: Int.self) { group in
      for (target, actor) in [(0, 1), (1, 0)] {
        let path = "/users/\(administrators[target].id)"
        let token = administrators[actor].token
        group.addTask {
          try await bench.send(
            .patch, path, as: token, body: #"{"role":"customer"}"#, fields: [.ifMatch: "*"]
          ).status.code
        }
      }
      return try await group.reduce(into: [Int]()) { $0.append($1) }
    }
    #expect(codes.sorted() == [200, 409])
    let last = try await bench.database.first("SELECT id FROM users WHERE role = 'admin'") {
      try $0.next(as: UserID.self)
    }
    let index = try #require(administrators.firstIndex { $0.id == last })
    let farewell = try await bench.send(
      .delete, "/users/me", as: administrators[index].token,
      body: #"{"password":"\#(UsersBench.password)"}"#)
    #expect(farewell.problemKind == .resourceInUse)
  }

  @Test("staff find accounts by a part of name or address, role and status")
  func search() async throws {
    let bench = try await UsersBench()
    for name in ["ada", "bob", "boris"] { _ = try await bench.register("\(name)@example.org") }
    try await bench.setRole(.staff, of: "bob@example.org")
    let staff: Tokens = try await bench.signIn("bob@example.org").decoded()
    func found(_ query: String) async throws -> [String] {
      try await bench.send(.get, "/users?\(query)", as: staff.accessToken)
        .decoded(as: [Me].self).map(\.email)
    }
    #expect(try await found("q=BO") == ["bob@example.org", "boris@example.org"])
    #expect(try await found("q=bo&role=customer") == ["boris@example.org"])
    #expect(try await found("q=%25") == [])
    #expect(try await found("status=suspended") == [])
    for query in ["role=king", "status=gone", "q="] {
      #expect(
        try await bench.send(.get, "/users?\(query)", as: staff.accessToken).problemKind
          == .validationFailed)
    }
  }

  @Test("every event of an account has a higher version than the one before")
  func versions() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    _ = try await bench.send(.post, "/email-verifications", as: tokens.accessToken)
    _ = try await post(bench, "/password-resets", #"{"email":"ada@example.org"}"#)
    _ = try await bench.send(
      .put, "/users/me/password", as: tokens.accessToken,
      body: #"{"current":"\#(UsersBench.password)","new":"\#(Self.newPassword)"}"#)
    _ = try await bench.send(
      .delete, "/users/me", as: tokens.accessToken, body: #"{"password":"\#(Self.newPassword)"}"#)
    let versions: [Int] = try await bench.database.values("SELECT version FROM outbox ORDER BY id")
    #expect(versions.count == 5)
    #expect(zip(versions, versions.dropFirst()).allSatisfy(<))
  }
}

extension Sequence {
  /// One after the other.
  fileprivate func asyncMap<Value>(
    _ transform: (Element) async throws -> Value
  ) async rethrows -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await transform(element)) }
    return values
  }
}

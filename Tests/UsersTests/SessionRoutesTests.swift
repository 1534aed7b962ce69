import HTTPMessages
import JSONSyntax
import ServiceKit
import SharedKernel
import Testing

@testable import Users

@Suite("The session routes", .timeLimit(.minutes(2)))
struct SessionRoutesTests {
  struct SessionView: Decodable {
    let id: UUID128
    let isCurrent: Bool
    let userAgent: String?
  }

  @Test("who signs in gets a token that opens the account, and it says who it is")
  func signIn() async throws {
    let bench = try await UsersBench()
    #expect(try await bench.register("Ada@Example.org").status.code == 201)
    let response = try await bench.signIn("ada@EXAMPLE.org")
    #expect(response.status.code == 200)
    #expect(response.fields[.cacheControl] == "no-store")
    let tokens: Tokens = try response.decoded()
    #expect(tokens.expiresIn == 600)
    let me = try await bench.send(.get, "/users/me", as: tokens.accessToken)
    #expect(me.status.code == 200)
    #expect(String(decoding: me.body, as: UTF8.self).contains(#""email":"ada@example.org""#))
  }

  @Test("a wrong password and an unknown address get the same answer")
  func wrongPassword() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    var answers: [JSONValue?] = []
    for (email, password) in [
      ("ada@example.org", "wrong horse battery"), ("bob@example.org", UsersBench.password),
      ("no address", UsersBench.password),
    ] {
      let response = try await bench.signIn(email, password: password)
      #expect(response.problemKind == .invalidCredentials)
      answers.append(response.problemBody?["detail"])
    }
    #expect(Set(answers.map { $0?.textValue }).count == 1)
  }

  @Test("after ten wrong passwords from one place even the right one is not looked at there")
  func tooManyAttempts() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let attempts = AttemptRepository(database: bench.database)
    for _ in 0..<10 { try await attempts.note(account: "ada@example.org", prefix: "192.0.2") }
    let refused = try await bench.signIn("ada@example.org")
    #expect(refused.problemKind == .rateLimited)
    #expect(refused.fields[.retryAfter] == "900")
    #expect(try await bench.signIn("ada@example.org", from: "198.51.100.1").status.code == 200)
  }

  @Test("attempts are forgotten after a quarter of an hour")
  func attemptsGrowOld() async throws {
    let bench = try await UsersBench()
    let attempts = AttemptRepository(database: bench.database)
    for minutes in [1, 14, 16, 60 * 25] {
      try await bench.database.execute(
        """
        INSERT INTO login_attempts (account, ip_prefix, at)
        VALUES ('ada', '192.0.2', now() - \(minutes) * interval '1 minute')
        """)
    }
    #expect(try await attempts.attempts(account: "ada", prefix: "-").account == 2)
    try await attempts.purge()
    let left: Int? = try await bench.database.first("SELECT count(*) FROM login_attempts") {
      try $0.next()
    }
    #expect(left == 3)
  }

  @Test("a refresh token works once and gives the next one, of the same session")
  func refresh() async throws {
    let bench = try await UsersBench()
    let first = try await bench.tokens(of: "ada@example.org")
    let second: Tokens = try await bench.refresh(first.refreshToken).decoded()
    let third: Tokens = try await bench.refresh(second.refreshToken).decoded()
    #expect(Set([first, second, third].map(\.refreshToken)).count == 3)
    let sessions: [SessionView] = try await bench.send(.get, "/sessions", as: third.accessToken)
      .decoded()
    #expect(sessions.map(\.isCurrent) == [true])
    #expect(sessions.map(\.userAgent) == ["tests"])
  }

  @Test(
    "a refresh token used again, however old, ends the session for thief and owner alike",
    arguments: [0, 1])
  func reuse(_ generation: Int) async throws {
    let bench = try await UsersBench()
    var tokens = [try await bench.tokens(of: "ada@example.org")]
    for _ in 0..<2 {
      tokens.append(try await bench.refresh(tokens[tokens.count - 1].refreshToken).decoded())
    }
    #expect(try await bench.refresh(tokens[generation].refreshToken).status.code == 401)
    #expect(try await bench.refresh(tokens[2].refreshToken).status.code == 401)
    let other: Tokens = try await bench.signIn("ada@example.org").decoded()
    #expect(try await bench.refresh(other.refreshToken).status.code == 200)
  }

  @Test("of two that use one refresh token at the same time, at most one gets on")
  func race() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    async let left = bench.refresh(tokens.refreshToken)
    async let right = bench.refresh(tokens.refreshToken)
    let codes = try await [left.status.code, right.status.code].sorted()
    #expect(codes == [200, 401])
  }

  @Test("a token that we never made ends no session")
  func forged() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let parts = tokens.refreshToken.split(separator: ".").map(String.init)
    #expect(parts.count == 3)
    for forged in [
      "", "x", "..", "\(parts[0]).AAAA.\(parts[2])", "\(parts[0]).\(parts[1])", parts[0],
      String(tokens.refreshToken.dropLast()), tokens.refreshToken + "A",
    ] {
      #expect(try await bench.refresh(forged).problemKind == .unauthenticated)
    }
    #expect(try await bench.refresh(tokens.refreshToken).status.code == 200)
  }

  @Test("no refresh token is kept as it is")
  func onlyHashes() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let rows = try await bench.database.query("SELECT sessions::text FROM sessions") {
      try $0.next(as: String.self)
    }
    #expect(rows.count == 1)
    let secret = tokens.refreshToken.split(separator: ".")[1]
    #expect(!rows[0].contains(secret))
  }

  @Test("signing out ends this session and leaves others; someone else's is not found")
  func signOut() async throws {
    let bench = try await UsersBench()
    let here = try await bench.tokens(of: "ada@example.org")
    let there: Tokens = try await bench.signIn("ada@example.org").decoded()
    let stranger = try await bench.tokens(of: "bob@example.org")
    let sessions: [SessionView] = try await bench.send(.get, "/sessions", as: there.accessToken)
      .decoded()
    let ids = sessions.map(\.id)
    #expect(ids.count == 2)
    for id in ids {
      #expect(
        try await bench.send(.delete, "/sessions/\(id)", as: stranger.accessToken).status.code
          == 404)
    }
    #expect(
      try await bench.send(.delete, "/sessions/current", as: here.accessToken).status.code == 204)
    #expect(try await bench.refresh(here.refreshToken).status.code == 401)
    #expect(try await bench.refresh(there.refreshToken).status.code == 200)
  }

  @Test("a suspended user neither signs in nor refreshes")
  func suspended() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    try await bench.database.execute("UPDATE users SET status = 'suspended'")
    #expect(try await bench.signIn("ada@example.org").problemKind == .invalidCredentials)
    #expect(try await bench.refresh(tokens.refreshToken).status.code == 401)
    try await bench.database.execute("UPDATE users SET status = 'active'")
    #expect(try await bench.refresh(tokens.refreshToken).status.code == 401)
  }

  @Test("the key set names the signing key, which two starting instances make once")
  func keySet() async throws {
    let bench = try await UsersBench()
    async let left = bench.keys.current()
    async let right = bench.keys.current()
    let keys = try await [left, right]
    #expect(keys[0].rawBytes == keys[1].rawBytes)
    let response = try await bench.send(.get, "/.well-known/jwks.json")
    let text = String(decoding: response.body, as: UTF8.self)
    #expect(text.contains(keys[0].verifyingKey.id))
    #expect(!text.contains(#""d""#))
    #expect(response.fields[.cacheControl] == "public, max-age=300")
  }
}

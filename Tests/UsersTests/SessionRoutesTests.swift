import HTTPMessages
import JSONSyntax
import Postgres
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
    for _ in 0..<10 {
      let note = try await attempts.note(
        account: "ada@example.org", prefix: "192.0.2", if: { _ in .allowed })
      if case .noted(let attempt) = note {
        try await attempts.fail(attempt)
      } else {
        Issue.record("not noted")
      }
    }
    let refused = try await bench.signIn("ada@example.org")
    #expect(refused.problemKind == .rateLimited)
    #expect(refused.fields[.retryAfter] == "900")
    #expect(try await bench.signIn("ada@example.org", from: "198.51.100.1").status.code == 200)
  }

  @Test("of many wrong passwords at once no more are looked at than one after the other")
  func attemptsAtOnce() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let kinds = try await withThrowingTaskGroup(of: FailureKind?.self) { group in
      for _ in 0..<25 {
        group.addTask {
          try await bench.signIn("ada@example.org", password: "wrong horse battery").problemKind
        }
      }
      return try await group.reduce(into: [FailureKind?]()) { $0.append($1) }
    }
    #expect(kinds.count { $0 == .invalidCredentials } == 10)
    #expect(kinds.count { $0 == .rateLimited } == 15)
  }

  @Test("of many right passwords at once all are let in")
  func rightOnesAtOnce() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    let codes = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<14 {
        group.addTask { try await bench.signIn("ada@example.org").status.code }
      }
      return try await group.reduce(into: [Int]()) { $0.append($1) }
    }
    #expect(codes == Array(repeating: 200, count: 14))
  }

  @Test("an attempt whose process died counts as a wrong password after a minute")
  func deadAttempts() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    try await bench.database.execute(
      """
      INSERT INTO login_attempts (account, ip_prefix, at)
      SELECT 'ada@example.org', '192.0.2', now() - interval '61 seconds'
      FROM generate_series(1, 10)
      """)
    #expect(try await bench.signIn("ada@example.org").problemKind == .rateLimited)
  }

  @Test("the owner of an account that nobody gets into any more is told once")
  func locked() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    try await bench.database.execute(
      """
      INSERT INTO login_attempts (account, ip_prefix, failed)
      SELECT 'ada@example.org', 'place ' || n, true FROM generate_series(1, 100) AS n
      """)
    for _ in 0..<3 {
      #expect(try await bench.signIn("ada@example.org").problemKind == .rateLimited)
    }
    let events: [String] = try await bench.database.values("SELECT type FROM outbox ORDER BY id")
    #expect(events == ["user.registered", "user.locked"])
  }

  @Test("right passwords are not counted, however many")
  func rightOnes() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    for _ in 0..<12 {
      #expect(try await bench.signIn("ada@example.org").status.code == 200)
    }
    let left: Int? = try await bench.database.value(
      "SELECT count(*) FROM login_attempts WHERE account = 'ada@example.org'")
    #expect(left == 0)
  }

  @Test("a weaker hash is replaced when its password is shown, and a strong one stays")
  func rehash() async throws {
    let bench = try await UsersBench()
    _ = try await bench.register("ada@example.org")
    func hash() async throws -> String? {
      try await bench.database.value("SELECT password_hash FROM users")
    }
    let strong = try await hash()
    _ = try await bench.signIn("ada@example.org")
    #expect(try await hash() == strong)
    // Of "password", with 8 MiB and one pass.
    let weak =
      "$argon2id$v=19$m=8192,t=1,p=1$xJFxqpTzG7/8w5r+NYY//Q"
      + "$c1rtylIY+6c/Qyyi6rU9cldkeO4zlEWGqwpG/yXZJmY"
    try await bench.database.execute("UPDATE users SET password_hash = \(weak)")
    #expect(
      try await bench.signIn("ada@example.org", password: "wrong horse battery").status.code == 401)
    #expect(try await hash() == weak)
    #expect(try await bench.signIn("ada@example.org", password: "password").status.code == 200)
    let replaced = try await hash()
    #expect(replaced?.contains("m=19456,t=2") == true)
    #expect(try await bench.signIn("ada@example.org", password: "password").status.code == 200)
    #expect(try await hash() == replaced)
  }

  @Test("who is turned away since too many hash is told to come back in a second")
  func busy() {
    #expect(UserError.busy.retryAfter == .seconds(1))
    #expect(UserError.busy.kind == .rateLimited)
  }

  @Test("a role that is not known here is an error, not another role")
  func unknownRole() async throws {
    let bench = try await UsersBench()
    await #expect {
      try await bench.database.first(
        """
        SELECT \(UserID.new()), 'a@b.ch', 'A', 'king', 'active', NULL::timestamptz, 'en', 1, now()
        """, User.init(row:))
    } throws: { error in
      error as? PostgresError == .invalid("a user has the unknown role king")
    }
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
    _ = try await attempts.note(account: "ada", prefix: "-") { counted in
      #expect(counted.account.all == 2)
      return .refused
    }
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

  @Test("the end of a session by a token used again is told once, with a version of its user")
  func reuseIsTold() async throws {
    let bench = try await UsersBench()
    let tokens = try await bench.tokens(of: "ada@example.org")
    let next: Tokens = try await bench.refresh(tokens.refreshToken).decoded()
    func told() async throws -> [Int] {
      try await bench.database.values(
        """
        SELECT o.version FROM outbox o JOIN users u ON u.id::text = o.subject
        WHERE o.type = 'user.sessions_revoked' AND o.version = u.version
        """)
    }
    #expect(try await told().isEmpty)
    await withTaskGroup(of: Int?.self) { group in
      for token in [tokens, tokens, next, next] {
        group.addTask { try? await bench.refresh(token.refreshToken).status.code }
      }
      for await code in group where code != 200 { #expect(code == 401) }
    }
    #expect(try await bench.refresh(next.refreshToken).status.code == 401)
    #expect(try await told() == [2])
    // One that its owner ended is no news.
    let other: Tokens = try await bench.signIn("ada@example.org").decoded()
    _ = try await bench.send(.delete, "/sessions/current", as: other.accessToken)
    #expect(try await bench.refresh(other.refreshToken).status.code == 401)
    #expect(try await told() == [2])
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

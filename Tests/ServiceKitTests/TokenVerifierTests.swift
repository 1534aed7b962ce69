import ServiceKit
import SharedKernel
import Synchronization
import Testing

@Suite("Bearer tokens")
struct TokenVerifierTests {
  let clock = StandingClock()
  let userKey = SigningKey.generate()
  let orderKey = SigningKey.generate()
  let published = PublishedKeys()

  init() throws {
    published.set([userKey.verifyingKey])
  }

  /// The verifier of the payment service.
  func verifier(
    rememberedTokensMax: Int = 100, firstKeysWaitMax: Duration = .zero
  ) -> TokenVerifier {
    let keys = ServiceKeys(
      service: "payment-service", signingKey: .generate(),
      peers: ["order-service": [orderKey.verifyingKey]])
    return TokenVerifier(
      keys: keys, rememberedTokensMax: rememberedTokensMax, now: { [clock] in clock.now },
      firstKeysWaitMax: firstKeysWaitMax,
      userKeySet: { [published] in try published.document() })
  }

  var userToken: TokenForge { .user(userKey, at: clock.now) }
  var serviceToken: TokenForge { .service(orderKey, at: clock.now) }

  @Test("a user's token tells id, role and session")
  func user() async throws {
    let id = UserID.new()
    let session = UUID128.v7()
    let token = try await UserTokenSigner(key: userKey)
      .sign(user: id, role: .staff, session: session, at: clock.now)
    let caller = try await verifier().verify(token)
    #expect(caller == .user(id, role: .staff, session: session))
  }

  @Test("a service's token tells the service, and asks nobody for keys")
  func service() async throws {
    let signer = ServiceTokenSigner(
      keys: ServiceKeys(service: "order-service", signingKey: orderKey, peers: [:]),
      now: { [clock] in clock.now })
    let token = try await signer.token(for: "payment-service")
    #expect(try await verifier().verify(token) == .service("order-service"))
    #expect(published.fetches == 0)
  }

  @Test("a token without a signature is refused, whatever its algorithm is called")
  func algorithmNone() async throws {
    let verifier = verifier()
    for algorithm in ["none", "None", "HS256", "ES256", ""] {
      let forge = userToken.withHeader("alg", algorithm)
      await #expect(throws: AuthenticationFailure.malformed) {
        try await verifier.verify(forge.signed(by: userKey))
      }
      await #expect(throws: AuthenticationFailure.malformed) {
        try await verifier.verify(forge.unsigned() + ".")
      }
    }
    await #expect(throws: AuthenticationFailure.badSignature) {
      try await verifier.verify(userToken.unsigned() + ".")
    }
  }

  @Test("the key that a token names must be known and must have signed it")
  func keys() async throws {
    let verifier = verifier()
    let stranger = SigningKey.generate()
    await #expect(throws: AuthenticationFailure.badSignature) {
      try await verifier.verify(userToken.signed(by: stranger))
    }
    await #expect(throws: AuthenticationFailure.unknownKey) {
      try await verifier.verify(
        userToken.withHeader("kid", stranger.verifyingKey.id).signed(by: stranger))
    }
    await #expect(throws: AuthenticationFailure.malformed) {
      try await verifier.verify(userToken.withHeader("kid", nil).signed(by: userKey))
    }
    await #expect(throws: AuthenticationFailure.malformed) {
      try await verifier.verify(userToken.withHeader("crit", ["exp"]).signed(by: userKey))
    }
  }

  @Test("claims that were changed after signing are refused")
  func changedClaims() async throws {
    let token = try userToken.signed(by: userKey)
    let signature = try #require(token.split(separator: ".").last)
    let changed = try userToken.with("role", "admin").unsigned() + ".\(signature)"
    let verifier = verifier()
    await #expect(throws: AuthenticationFailure.badSignature) {
      try await verifier.verify(changed)
    }
  }

  @Test("a user's token is for this shop, from its user service")
  func userIssuerAndAudience() async throws {
    let verifier = verifier()
    await #expect(throws: AuthenticationFailure.wrongIssuer) {
      try await verifier.verify(userToken.with("iss", "service:order").signed(by: userKey))
    }
    await #expect(throws: AuthenticationFailure.wrongAudience) {
      try await verifier.verify(userToken.with("aud", "service:payment").signed(by: userKey))
    }
    for claim in ["iss", "aud", "exp", "sub", "role", "sid"] {
      await #expect(throws: AuthenticationFailure.malformed) {
        try await verifier.verify(userToken.with(claim, nil).signed(by: userKey))
      }
    }
    await #expect(throws: AuthenticationFailure.malformed) {
      try await verifier.verify(userToken.with("role", "root").signed(by: userKey))
    }
  }

  @Test("a service's key makes no users, and a user key makes no services")
  func kindsStayApart() async throws {
    let verifier = verifier()
    await #expect(throws: AuthenticationFailure.wrongIssuer) {
      try await verifier.verify(
        userToken.withHeader("kid", orderKey.verifyingKey.id).signed(by: orderKey))
    }
    await #expect(throws: AuthenticationFailure.wrongIssuer) {
      try await verifier.verify(
        serviceToken.withHeader("kid", userKey.verifyingKey.id).signed(by: userKey))
    }
    // Even when the user service publishes the order service's key id as its own.
    published.set([userKey.verifyingKey, orderKey.verifyingKey])
    let token = try serviceToken.signed(by: orderKey)
    #expect(try await verifier.verify(token) == .service("order-service"))
  }

  @Test("a service's token is for this service, from the key's owner, and short")
  func serviceClaims() async throws {
    let verifier = verifier()
    await #expect(throws: AuthenticationFailure.wrongAudience) {
      try await verifier.verify(serviceToken.with("aud", "service:user").signed(by: orderKey))
    }
    await #expect(throws: AuthenticationFailure.wrongIssuer) {
      try await verifier.verify(serviceToken.with("iss", "service:product").signed(by: orderKey))
    }
    await #expect(throws: AuthenticationFailure.livesTooLong) {
      try await verifier.verify(
        serviceToken.with("exp", clock.now.seconds + 61).signed(by: orderKey))
    }
    let future = clock.now.seconds + 3600
    await #expect(throws: AuthenticationFailure.livesTooLong) {
      try await verifier.verify(
        serviceToken.with("iat", future).with("exp", future + 60).signed(by: orderKey))
    }
    await #expect(throws: AuthenticationFailure.malformed) {
      try await verifier.verify(serviceToken.with("iat", nil).signed(by: orderKey))
    }
  }

  @Test("times are kept to within thirty seconds")
  func times() async throws {
    let verifier = verifier()
    let now = clock.now.seconds
    let late = try userToken.with("exp", now - 29).signed(by: userKey)
    _ = try await verifier.verify(late)
    await #expect(throws: AuthenticationFailure.expired) {
      try await verifier.verify(userToken.with("exp", now - 30).signed(by: userKey))
    }
    let early = try userToken.with("nbf", now + 30).signed(by: userKey)
    _ = try await verifier.verify(early)
    await #expect(throws: AuthenticationFailure.notYetValid) {
      try await verifier.verify(userToken.with("nbf", now + 31).signed(by: userKey))
    }
    for absurd in [Int64.max, Int64.min, -1] {
      await #expect(throws: AuthenticationFailure.malformed) {
        try await verifier.verify(userToken.with("exp", absurd).signed(by: userKey))
      }
    }
    #expect(AuthenticationFailure.expired.kind == .tokenExpired)
  }

  @Test("what is no token is refused before it is decoded")
  func garbage() async throws {
    let verifier = verifier()
    for text in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "\u{0}.\u{0}.\u{0}"] {
      await #expect(throws: AuthenticationFailure.malformed, "\(text)") {
        try await verifier.verify(text)
      }
    }
    let long = String(repeating: "a", count: TokenVerifier.tokenBytesMax + 1)
    await #expect(throws: AuthenticationFailure.tooLarge) { try await verifier.verify(long) }
    #expect(verifier.cached(long) == nil)
  }

  @Test("every cut of a good token is refused")
  func prefixes() async throws {
    let verifier = verifier()
    let token = try userToken.signed(by: userKey)
    for length in 0..<token.count - 1 {
      let result = await Result { () async throws(AuthenticationFailure) in
        try await verifier.verify(String(token.prefix(length)))
      }
      #expect(throws: AuthenticationFailure.self) { try result.get() }
    }
  }

  @Test("a verified token is known at once until it expires")
  func remembers() async throws {
    let verifier = verifier()
    let token = try userToken.signed(by: userKey)
    #expect(verifier.cached(token) == nil)
    let caller = try await verifier.verify(token)
    #expect(verifier.cached(token) == caller)
    clock.advance(by: .seconds(599))
    #expect(verifier.cached(token) == caller)
    clock.advance(by: .seconds(1))
    #expect(verifier.cached(token) == nil)
    clock.advance(by: .seconds(30))
    await #expect(throws: AuthenticationFailure.expired) { try await verifier.verify(token) }
  }

  @Test("no more tokens are remembered than allowed")
  func bound() async throws {
    let verifier = verifier(rememberedTokensMax: 4)
    var tokens: [String] = []
    for _ in 0..<10 {
      tokens.append(try userToken.signed(by: userKey))
      _ = try await verifier.verify(tokens[tokens.count - 1])
    }
    #expect(tokens.filter { verifier.cached($0) != nil }.count <= 4)
    #expect(verifier.cached(tokens[9]) != nil)
  }
}

extension TokenVerifierTests {
  @Test("a new key is fetched when a token names it")
  func rotationIn() async throws {
    let verifier = verifier()
    _ = try await verifier.verify(userToken.signed(by: userKey))
    let next = SigningKey.generate()
    published.set([userKey.verifyingKey, next.verifyingKey])
    clock.advance(by: .seconds(30))
    let token = try TokenForge.user(next, at: clock.now).signed(by: next)
    _ = try await verifier.verify(token)
    #expect(published.fetches == 2)
  }

  @Test("unknown keys lead to one fetch in thirty seconds")
  func fetchesAreBounded() async throws {
    let verifier = verifier()
    for _ in 0..<50 {
      let stranger = SigningKey.generate()
      let token = try TokenForge.user(stranger, at: clock.now).signed(by: stranger)
      await #expect(throws: AuthenticationFailure.unknownKey) { try await verifier.verify(token) }
    }
    #expect(published.fetches == 1)
    clock.advance(by: .seconds(30))
    let stranger = SigningKey.generate()
    let token = try TokenForge.user(stranger, at: clock.now).signed(by: stranger)
    await #expect(throws: AuthenticationFailure.unknownKey) { try await verifier.verify(token) }
    #expect(published.fetches == 2)
  }

  @Test("what a withdrawn key signed is no longer known")
  func rotationOut() async throws {
    let verifier = verifier()
    let token = try userToken.signed(by: userKey)
    _ = try await verifier.verify(token)
    let next = SigningKey.generate()
    published.set([next.verifyingKey])
    try await verifier.refreshUserKeys()
    #expect(verifier.cached(token) == nil)
    await #expect(throws: AuthenticationFailure.unknownKey) { try await verifier.verify(token) }
  }

  @Test("the last good keys serve while the user service is down")
  func lastGoodKeys() async throws {
    let verifier = verifier()
    _ = try await verifier.verify(userToken.signed(by: userKey))
    for answer in [Result<[UInt8], any Error>.failure(Down()), .success(Array("<html>".utf8))] {
      published.set(answer)
      await #expect(throws: (any Error).self) { try await verifier.refreshUserKeys() }
      _ = try await verifier.verify(userToken.signed(by: userKey))
    }
  }

  @Test("without any keys nothing is said of a token, and the next try is soon")
  func noKeys() async throws {
    let verifier = verifier()
    published.set(.failure(Down()))
    let token = try userToken.signed(by: userKey)
    await #expect(throws: AuthenticationFailure.keysUnavailable) {
      try await verifier.verify(token)
    }
    published.set([userKey.verifyingKey])
    await #expect(throws: AuthenticationFailure.keysUnavailable) {
      try await verifier.verify(token)
    }
    clock.advance(by: .milliseconds(100))
    _ = try await verifier.verify(token)
  }

  @Test("a request waits for the first keys of a user service that starts later")
  func firstKeysComeLate() async throws {
    let verifier = verifier(firstKeysWaitMax: .seconds(60))
    published.set(.failure(Down()))
    let token = try userToken.signed(by: userKey)
    async let caller = verifier.verify(token)
    while published.fetches == 0 { await Task.yield() }
    published.set([userKey.verifyingKey])
    clock.advance(by: .milliseconds(100))
    #expect(try await caller != .anonymous)
    #expect(published.fetches == 2)
  }

  @Test("a request that is cancelled while keys are fetched ends, and the next one fetches")
  func cancelledFetch() async throws {
    let verifier = verifier()
    published.set(.failure(CancellationError()))
    let token = try userToken.signed(by: userKey)
    await #expect(throws: AuthenticationFailure.keysUnavailable) {
      try await verifier.verify(token)
    }
    published.set([userKey.verifyingKey])
    _ = try await verifier.verify(token)
  }

  @Test("a clock that is set back does not keep new keys out")
  func clockSetBack() async throws {
    let verifier = verifier()
    _ = try await verifier.verify(userToken.signed(by: userKey))
    let next = SigningKey.generate()
    published.set([next.verifyingKey])
    clock.advance(by: .seconds(-3600))
    _ = try await verifier.verify(TokenForge.user(next, at: clock.now).signed(by: next))
  }

  @Test("requests that come while keys are fetched wait for that one fetch")
  func oneFetchForAll() async throws {
    let verifier = verifier()
    let tokens = try (0..<20).map { _ in try userToken.signed(by: userKey) }
    try await withThrowingTaskGroup { group in
      for token in tokens { group.addTask { _ = try await verifier.verify(token) } }
      try await group.waitForAll()
    }
    #expect(published.fetches == 1)
  }

  @Test("keys of other kinds in the set are passed over")
  func otherKeys() async throws {
    let verifier = verifier()
    let x = Base64URL.encode(userKey.verifyingKey.rawBytes)
    published.set(
      .success(
        Array(
          """
          {"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},
          {"kty":"OKP","crv":"X25519","kid":"\(userKey.verifyingKey.id)","x":"\(x)"},
          {"kty":"OKP","crv":"Ed25519","kid":"short","x":"AAAA"},
          {"kty":"oct","kid":"o","k":"c2VjcmV0","alg":"HS256"}]}
          """.utf8)))
    let token = try userToken.signed(by: userKey)
    await #expect(throws: AuthenticationFailure.unknownKey) { try await verifier.verify(token) }
  }

  @Test(
    "a bearer token is the one word after the scheme",
    arguments: [
      ("Bearer abc", "abc"), ("bearer  abc", "abc"), ("BEARER a.b-c_d", "a.b-c_d"),
      ("Bearer", nil), ("Bearer ", nil), ("Bearerabc", nil), ("Basic abc", nil), ("", nil),
      ("Bearer a b", nil), ("Bearer a\u{7F}", nil), ("Bearer ä", nil),
    ] as [(String, String?)])
  func bearer(field: String, token: String?) {
    #expect(bearerToken(of: field) == token)
  }
}

private struct Down: Error {}

/// Stands in for the user service's `/.well-known/jwks.json`.
final class PublishedKeys: Sendable {
  private let state = Mutex<(answer: Result<[UInt8], any Error>, fetches: Int)>((.success([]), 0))

  func set(_ keys: [VerifyingKey]) {
    set(Result { try UserTokenSigner.keySet(keys) })
  }

  func set(_ answer: Result<[UInt8], any Error>) {
    state.withLock { $0.answer = answer }
  }

  func document() throws -> [UInt8] {
    try state.withLock { state in
      state.fetches += 1
      return try state.answer.get()
    }
  }

  var fetches: Int { state.withLock { $0.fetches } }
}

extension Result {
  fileprivate init(_ body: () async throws(Failure) -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}

import JWTKit
package import SharedKernel

/// Tells who is asking from a bearer token: a user, by the keys the user service publishes, or one
/// of our services, by the public keys of KEYS_DIRECTORY (api.md section 1.4).
///
/// The key that the token names decides everything else: its algorithm, and which issuer may have
/// used it. Ask `cached` first; it is synchronous and knows all but new tokens.
package final class TokenVerifier: Sendable {
  /// What is not read at all.
  package static let tokenBytesMax = 4096
  /// How far clocks may differ.
  package static let clockSkew: Duration = .seconds(30)
  /// A service's token that lives longer is refused: `.livesTooLong`.
  package static let serviceTokenLifeMax: Duration = .seconds(60)
  /// Verified tokens that are kept to be found by `cached`, unless `init` is told otherwise.
  package static let rememberedTokensMax = 20_000

  private let audience: String
  private let peersByKeyID: [String: (key: VerifyingKey, name: String)]
  private let userKeys: UserKeySet
  private let tokens: VerifiedTokens
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - keys: this service's; its name is the audience that services' tokens must have.
  ///   - now: the time, for tests.
  ///   - firstKeysWaitMax: how long a request waits for the first of the user service's keys.
  ///   - userKeySet: gets the bytes of the user service's `/.well-known/jwks.json`, in bounded time:
  ///     requests wait for it.
  package init(
    keys: ServiceKeys, rememberedTokensMax: Int = rememberedTokensMax,
    now: @escaping @Sendable () -> Timestamp = { .now() },
    firstKeysWaitMax: Duration = .seconds(2),
    userKeySet: @escaping @Sendable () async throws -> [UInt8]
  ) {
    audience = ServiceKeys.claim(for: keys.service)
    self.now = now
    var peersByKeyID: [String: (key: VerifyingKey, name: String)] = [:]
    for (name, verifyingKeys) in keys.peers {
      for key in verifyingKeys { peersByKeyID[key.id] = (key, name) }
    }
    self.peersByKeyID = peersByKeyID
    let tokens = VerifiedTokens(entriesMax: rememberedTokensMax)
    self.tokens = tokens
    userKeys = UserKeySet(
      now: now, firstWaitMax: firstKeysWaitMax, keysRemoved: { tokens.forgetAll() },
      fetch: userKeySet)
  }

  /// Who brought a token that was verified before and has not expired; nil says nothing.
  package func cached(_ token: String) -> Caller? {
    guard token.utf8.count <= Self.tokenBytesMax else { return nil }
    return tokens.caller(of: VerifiedTokens.digest(of: token), at: now())
  }

  /// Who brought this token.
  ///
  /// - Returns: `.user` or `.service`, never `.anonymous`. What each may do is for the route to say.
  package func verify(_ token: String) async throws(AuthenticationFailure) -> Caller {
    guard token.utf8.count <= Self.tokenBytesMax else { throw .tooLarge }
    if let caller = cached(token) { return caller }
    let header = try TokenHeader(of: token)
    guard header.alg == "EdDSA", header.crit == nil, let id = header.kid else { throw .malformed }
    let caller: Caller
    let claims: TokenClaims
    if let peer = peersByKeyID[id] {
      claims = try await signedClaims(of: token, by: peer.key, id)
      caller = try service(claims, name: peer.name)
    } else {
      claims = try await signedClaims(of: token, by: userKeys.key(id), id)
      caller = try user(claims)
    }
    tokens.remember(
      caller, for: VerifiedTokens.digest(of: token),
      until: Timestamp(microseconds: claims.exp * 1_000_000))
    return caller
  }

  /// Fetches the user service's keys now: at the start, so that the first request need not wait,
  /// and every few minutes, so that what a withdrawn key signed does not outlive it for long.
  package func refreshUserKeys() async throws {
    try await userKeys.refresh()
  }

  /// The library's collection falls back on some key when it does not know the token's: so it is
  /// given the one key that must have signed.
  private func signedClaims(
    of token: String, by key: VerifyingKey, _ id: String
  ) async throws(AuthenticationFailure) -> TokenClaims {
    do {
      return try await JWTKeyCollection()
        .add(eddsa: key.eddsa, kid: JWKIdentifier(string: id))
        .verify(token, as: TokenClaims.self)
    } catch let error as JWTError where error.errorType == .signatureVerificationFailed {
      throw .badSignature
    } catch {
      throw .malformed
    }
  }

  private func user(_ claims: TokenClaims) throws(AuthenticationFailure) -> Caller {
    guard claims.iss == TokenClaims.userIssuer else { throw .wrongIssuer }
    guard claims.aud == TokenClaims.shopAudience else { throw .wrongAudience }
    try checkTimes(of: claims)
    guard let id = claims.sub.flatMap(UserID.init), let role = claims.role.flatMap(Role.init),
      let session = claims.sid.flatMap(UUID128.init)
    else { throw .malformed }
    return .user(id, role: role, session: session)
  }

  private func service(
    _ claims: TokenClaims, name: String
  ) throws(AuthenticationFailure) -> Caller {
    guard claims.iss == ServiceKeys.claim(for: name) else { throw .wrongIssuer }
    guard claims.aud == audience else { throw .wrongAudience }
    try checkTimes(of: claims)
    guard let issued = claims.iat else { throw .malformed }
    let lifeMax = Self.serviceTokenLifeMax.components.seconds
    guard claims.exp - lifeMax <= issued, claims.exp - lifeMax <= now().seconds + skewSeconds
    else { throw .livesTooLong }
    return .service(name)
  }

  private func checkTimes(of claims: TokenClaims) throws(AuthenticationFailure) {
    // Times beyond the year 9999 would overflow the arithmetic below and mean nothing.
    let representable = Int64(0)...253_402_300_799
    guard representable.contains(claims.exp), claims.iat.map(representable.contains) ?? true
    else { throw .malformed }
    let seconds = now().seconds
    guard seconds - skewSeconds < claims.exp else { throw .expired }
    if let start = claims.nbf, start > seconds + skewSeconds { throw .notYetValid }
  }

  private var skewSeconds: Int64 { Self.clockSkew.components.seconds }
}

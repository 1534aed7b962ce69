package import SharedKernel

/// Signs users' access tokens; only the user service has such keys.
package struct UserTokenSigner: Sendable {
  /// From `iat` to `exp`.
  package static let life: Duration = .seconds(600)

  private let key: SigningKey
  /// What the tokens' `kid` says: the key's thumbprint, `VerifyingKey.id`.
  package let keyID: String

  /// - Parameter key: whose public half is to be published before its first token is used.
  package init(key: SigningKey) {
    self.key = key
    keyID = key.verifyingKey.id
  }

  /// An access token of 10 minutes: `iss=user`, `aud=shop`, `sub`, `role`, `sid`, `iat`, `exp`.
  package func sign(
    user: UserID, role: Role, session: UUID128, at now: Timestamp = .now()
  ) async throws -> String {
    let claims = TokenClaims(
      iss: TokenClaims.userIssuer, aud: TokenClaims.shopAudience,
      exp: now.seconds + Self.life.components.seconds, iat: now.seconds,
      sub: user.description, role: role.rawValue, sid: session.description)
    return try await key.sign(claims, id: keyID)
  }

  /// The document of `/.well-known/jwks.json`: the key in use, and during a change the one before or
  /// after it.
  package static func keySet(_ keys: [VerifyingKey]) throws -> [UInt8] {
    try UserKeyDocument.bytes(publishing: keys)
  }
}

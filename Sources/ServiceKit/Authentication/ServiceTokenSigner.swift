import JWTKit
package import SharedKernel
import Synchronization

/// Signs the tokens a service shows its peers (api.md section 1.4) and keeps each for as long as it
/// may be used.
package final class ServiceTokenSigner: Sendable {
  /// From `iat` to `exp`: as long as `TokenVerifier.serviceTokenLifeMax` allows.
  package static let life: Duration = .seconds(60)
  /// A token is replaced this long before it ends, so that none ends on its way.
  package static let leftMin: Duration = .seconds(20)
  /// Peers are few; past this something asks for tokens by the wrong name.
  private static let audiencesMax = 64

  private struct Signed {
    let token: String
    let usableUntil: Timestamp
  }

  private let issuer: String
  private let key: SigningKey
  private let keyID: String
  private let now: @Sendable () -> Timestamp
  private let signed = Mutex<[String: Signed]>([:])

  /// - Parameters:
  ///   - keys: this service's; its name is in `iss`.
  ///   - now: the time, for tests.
  package init(keys: ServiceKeys, now: @escaping @Sendable () -> Timestamp = { .now() }) {
    issuer = ServiceKeys.claim(for: keys.service)
    key = keys.signingKey
    keyID = keys.signingKey.verifyingKey.id
    self.now = now
  }

  /// A token for `service` that was signed before and has time left; nil when there is none.
  package func cachedToken(for service: String) -> String? {
    let now = now()
    return signed.withLock { $0[service].flatMap { now < $0.usableUntil ? $0.token : nil } }
  }

  /// A token for calls to `service` (`payment-service`), good for at least 20 s.
  package func token(for service: String) async throws -> String {
    if let token = cachedToken(for: service) { return token }
    let now = now()
    let claims = TokenClaims(
      iss: issuer, aud: ServiceKeys.claim(for: service),
      exp: now.seconds + Self.life.components.seconds, iat: now.seconds)
    let token = try await key.sign(claims, id: keyID)
    let usableUntil =
      Timestamp(microseconds: claims.exp * 1_000_000) + (.zero - Self.leftMin)
    signed.withLock {
      if $0.count >= Self.audiencesMax { $0 = [:] }
      $0[service] = Signed(token: token, usableUntil: usableUntil)
    }
    return token
  }
}

extension SigningKey {
  func sign(_ claims: TokenClaims, id: String) async throws -> String {
    let kid = JWKIdentifier(string: id)
    return try await JWTKeyCollection().add(eddsa: eddsa, kid: kid).sign(claims, kid: kid)
  }
}

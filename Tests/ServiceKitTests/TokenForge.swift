import Crypto
import Foundation
import ServiceKit
import SharedKernel
import Synchronization

/// Writes tokens as an attacker would: any header, any claims, any signature.
struct TokenForge {
  var header: [String: Any] = ["alg": "EdDSA", "typ": "JWT"]
  var claims: [String: Any] = [:]

  /// What the user service signs for a customer at `now`.
  static func user(_ key: SigningKey, at now: Timestamp) -> TokenForge {
    var forge = TokenForge()
    forge.header["kid"] = key.verifyingKey.id
    forge.claims = [
      "iss": "user", "aud": "shop", "sub": "\(UUID128.v7())", "role": "customer",
      "sid": "\(UUID128.v7())", "iat": now.seconds, "exp": now.seconds + 600,
    ]
    return forge
  }

  /// What the order service signs for the payment service at `now`.
  static func service(_ key: SigningKey, at now: Timestamp) -> TokenForge {
    var forge = TokenForge()
    forge.header["kid"] = key.verifyingKey.id
    forge.claims = [
      "iss": "service:order", "aud": "service:payment", "iat": now.seconds,
      "exp": now.seconds + 60,
    ]
    return forge
  }

  /// The same with a claim of another value; nil takes it out.
  func with(_ claim: String, _ value: Any?) -> TokenForge {
    var forge = self
    forge.claims[claim] = value
    return forge
  }

  func withHeader(_ member: String, _ value: Any?) -> TokenForge {
    var forge = self
    forge.header[member] = value
    return forge
  }

  func signed(by key: SigningKey) throws -> String {
    let input = try unsigned()
    let signature = try Curve25519.Signing.PrivateKey(rawRepresentation: key.rawBytes)
      .signature(for: Data(input.utf8))
    return "\(input).\(Base64URL.encode(Array(signature)))"
  }

  /// Header and claims without the last dot.
  func unsigned() throws -> String {
    let parts = try [header, claims].map {
      Base64URL.encode(Array(try JSONSerialization.data(withJSONObject: $0)))
    }
    return parts.joined(separator: ".")
  }
}

/// A clock that stands still until it is moved.
final class StandingClock: Sendable {
  private let time = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))

  var now: Timestamp { time.withLock { $0 } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}

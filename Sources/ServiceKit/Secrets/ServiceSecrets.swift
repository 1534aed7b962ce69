import CSodium
import Crypto
import Foundation
import SharedKernel

/// What one service does with the 32 secret bytes of its own: tokens for guests, fingerprints of
/// requests, sealing of what is secret at rest.
package struct ServiceSecrets: Sendable {
  private let key: SymmetricKey
  private let sealingKey: SymmetricKey

  /// - Throws: `KeyFailure.unreadable` unless there are 32 bytes.
  package init(key bytes: [UInt8]) throws(KeyFailure) {
    guard bytes.count == KeyFiles.secretBytes else { throw .unreadable("a secret of 32 bytes") }
    key = SymmetricKey(data: bytes)
    sealingKey = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: key, info: Array("shop sealing v1".utf8), outputByteCount: 32)
  }

  /// Reads `<service>.secret` of a directory that `KeyFiles.create` made.
  ///
  /// - Throws: `KeyFailure` that names the file.
  package static func load(
    directory: String, service: String
  ) throws(KeyFailure) -> ServiceSecrets {
    let path = "\(directory)/\(service).secret"
    let bytes = try KeyFiles.bytes(of: path)
    guard bytes.count == KeyFiles.secretBytes else {
      throw .file(path: path, reason: "not a secret of 32 bytes")
    }
    return try ServiceSecrets(key: bytes)
  }

  // MARK: Tokens for guests

  /// What lets a guest back in: base64url(HMAC-SHA256(own key, kind ":" id)), api.md section 1.4.
  ///
  /// It is never stored, always made again.
  package func accessToken(kind: String, id: String) -> String {
    Base64URL.encode(authenticationCode(of: Array("\(kind):\(id)".utf8)))
  }

  /// Whether `token` is the one for this kind and id, in constant time.
  package func isValid(_ token: String, kind: String, id: String) -> Bool {
    guard token.utf8.count == 43, let code = Base64URL.decode(token) else { return false }
    return HMAC<SHA256>.isValidAuthenticationCode(
      code, authenticating: Array("\(kind):\(id)".utf8), using: key)
  }

  // MARK: Fingerprints

  /// HMAC-SHA256 of `bytes`, 32 bytes.
  package func fingerprint(_ bytes: [UInt8]) -> [UInt8] {
    authenticationCode(of: Array("fingerprint\0".utf8) + bytes)
  }

  // MARK: Sealing

  /// Encrypts and authenticates what must rest in a database (ChaCha20-Poly1305, random nonce).
  ///
  /// - Parameter context: what it is, such as `signing-key:<kid>`; it must be the same to open it.
  package func seal(_ bytes: [UInt8], context: String) throws -> [UInt8] {
    let box = try ChaChaPoly.seal(
      bytes, using: sealingKey, authenticating: Array(context.utf8))
    return Array(box.combined)
  }

  /// - Throws: when the bytes were not sealed by this service for this context.
  package func open(_ sealed: [UInt8], context: String) throws -> [UInt8] {
    let box = try ChaChaPoly.SealedBox(combined: sealed)
    return Array(try ChaChaPoly.open(box, using: sealingKey, authenticating: Array(context.utf8)))
  }

  private func authenticationCode(of bytes: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
  }
}

/// Whether two secrets are equal, in a time that does not tell where they differ. Their lengths are
/// not hidden.
package func equalInConstantTime(_ left: String, _ right: String) -> Bool {
  let left = Array(left.utf8)
  let right = Array(right.utf8)
  return left.count == right.count && sodium_memcmp(left, right, left.count) == 0
}

/// `count` random bytes of the system's generator, for tokens that are stored as a hash.
package func randomBytes(_ count: Int) -> [UInt8] {
  var generator = SystemRandomNumberGenerator()
  return (0..<count).map { _ in generator.next() }
}

/// SHA-256, 32 bytes: how a random token is stored and looked up.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
  Array(SHA256.hash(data: bytes))
}

/// HMAC-SHA256 (RFC 2104) of `bytes`, 32 bytes: how notices between programs are signed.
package func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
  Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
}

import Crypto
import JWTKit
import SharedKernel

/// An Ed25519 key that signs tokens.
package struct SigningKey: Sendable {
  let eddsa: EdDSA.PrivateKey

  /// A fresh key.
  package static func generate() -> SigningKey {
    SigningKey(eddsa: EdDSA.PrivateKey(backing: Curve25519.Signing.PrivateKey()))
  }

  /// Reads PEM (PKCS #8, as `openssl genpkey -algorithm ed25519` writes it) or 32 bytes in
  /// base64url.
  ///
  /// - Throws: `KeyFailure.unreadable`.
  package init(text: String) throws(KeyFailure) {
    let trimmed = text.trimmingWhitespace()
    if trimmed.hasPrefix("-----BEGIN"), let key = try? EdDSA.PrivateKey(pem: trimmed) {
      // The library's reasons speak of ASN.1; that it is no such key says enough.
      self.init(eddsa: key)
    } else if let raw = Base64URL.decode(trimmed) {
      try self.init(rawBytes: raw)
    } else {
      throw .unreadable("an Ed25519 private key in PEM or base64url")
    }
  }

  /// - Throws: `KeyFailure.unreadable` unless there are 32 bytes.
  package init(rawBytes: [UInt8]) throws(KeyFailure) {
    guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: rawBytes) else {
      // Its only failure is a wrong length.
      throw .unreadable("an Ed25519 private key of 32 bytes")
    }
    self.init(eddsa: EdDSA.PrivateKey(backing: key))
  }

  private init(eddsa: EdDSA.PrivateKey) {
    self.eddsa = eddsa
  }

  /// The public half, for those who check signatures.
  package var verifyingKey: VerifyingKey { VerifyingKey(eddsa: eddsa.publicKey) }
  /// The private key as PEM, which `init(text:)` reads. Secret.
  package var pem: String { eddsa.pemRepresentation }
  /// The private key's 32 bytes, which `init(rawBytes:)` takes. Secret.
  package var rawBytes: [UInt8] { Array(eddsa.rawRepresentation) }
}

/// The public half of a `SigningKey`.
package struct VerifyingKey: Sendable {
  let eddsa: EdDSA.PublicKey

  init(eddsa: EdDSA.PublicKey) {
    self.eddsa = eddsa
  }

  /// Reads PEM or 32 bytes in base64url.
  ///
  /// - Throws: `KeyFailure.unreadable`.
  package init(text: String) throws(KeyFailure) {
    let trimmed = text.trimmingWhitespace()
    if trimmed.hasPrefix("-----BEGIN"), let key = try? EdDSA.PublicKey(pem: trimmed) {
      // As with private keys: what it is not says enough.
      self.init(eddsa: key)
    } else if let raw = Base64URL.decode(trimmed) {
      try self.init(rawBytes: raw)
    } else {
      throw .unreadable("an Ed25519 public key in PEM or base64url")
    }
  }

  /// - Throws: `KeyFailure.unreadable` unless there are 32 bytes.
  package init(rawBytes: [UInt8]) throws(KeyFailure) {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: rawBytes) else {
      // Its only failure is a wrong length.
      throw .unreadable("an Ed25519 public key of 32 bytes")
    }
    self.init(eddsa: EdDSA.PublicKey(backing: key))
  }

  /// The key as PEM, which `init(text:)` reads.
  package var pem: String { eddsa.pemRepresentation }
  /// 32 bytes, which `init(rawBytes:)` takes.
  package var rawBytes: [UInt8] { Array(eddsa.rawRepresentation) }

  /// What a token's `kid` says: the key's thumbprint (RFC 7638, with the members of RFC 8037).
  package var id: String {
    let members = #"{"crv":"Ed25519","kty":"OKP","x":"\#(Base64URL.encode(rawBytes))"}"#
    return Base64URL.encode(Array(SHA256.hash(data: Array(members.utf8))))
  }
}

/// Why a key cannot be had.
package enum KeyFailure: Error, Hashable, CustomStringConvertible {
  /// Not what was expected there.
  case unreadable(String)
  case file(path: String, reason: String)

  package var description: String {
    switch self {
    case .unreadable(let expected): "not \(expected)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}

extension String {
  func trimmingWhitespace() -> String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

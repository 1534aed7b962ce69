import Foundation
import JWTKit
import SharedKernel

/// The claims of both kinds of token (RFC 7519 section 4.1; times in whole seconds since 1970).
struct TokenClaims: JWTPayload {
  static let userIssuer = "user"
  static let shopAudience = "shop"

  var iss: String
  var aud: String
  var exp: Int64
  var iat: Int64?
  var nbf: Int64?
  var sub: String?
  var role: String?
  var sid: String?

  /// Only the signature is the library's business; `TokenVerifier` judges the claims, since they
  /// depend on whose key it was.
  func verify(using algorithm: some JWTAlgorithm) {}
}

/// The header's part that decides before any signature is looked at (RFC 7515 section 4.1).
struct TokenHeader: Decodable {
  let alg: String
  let kid: String?
  /// Extensions that must be understood; we understand none.
  let crit: [String]?

  /// Reads the header of a token of three parts; the others are not looked at.
  init(of token: String) throws(AuthenticationFailure) {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = Base64URL.decode(String(parts[0])),
      let header = try? JSONDecoder().decode(TokenHeader.self, from: Data(bytes))
    else {
      // A decoding error would only say where the stranger's bytes stop being JSON.
      throw .malformed
    }
    self = header
  }
}

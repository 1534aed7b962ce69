package import SharedKernel

/// Why a bearer token does not tell who is asking.
package enum AuthenticationFailure: RetryableFailure, Hashable {
  /// No JWT at all, or one whose header or claims are not as ours are.
  case malformed
  case tooLarge
  /// Signed by a key that none of our issuers has.
  case unknownKey
  case badSignature
  case wrongIssuer
  case wrongAudience
  case expired
  case notYetValid
  /// A service's token that would live longer than one may.
  case livesTooLong
  /// The user service's keys have never been had, so nothing can be said of this token.
  case keysUnavailable

  package var kind: FailureKind {
    switch self {
    case .expired: .tokenExpired
    case .keysUnavailable: .dependencyUnavailable
    case .malformed, .tooLarge, .unknownKey, .badSignature, .wrongIssuer, .wrongAudience,
      .notYetValid, .livesTooLong:
      .unauthenticated
    }
  }

  /// Says no more than a client can act on; the case itself is for the log.
  package var detail: String {
    switch self {
    case .expired: "The access token has expired."
    case .keysUnavailable: "The keys to check the access token with cannot be had at the moment."
    case .malformed, .tooLarge, .unknownKey, .badSignature, .wrongIssuer, .wrongAudience,
      .notYetValid, .livesTooLong:
      "The access token is not valid here."
    }
  }

  package var members: [String: FailureValue] {
    self == .keysUnavailable ? ["target": "user-service"] : [:]
  }

  package var retryAfter: Duration? { self == .keysUnavailable ? .seconds(1) : nil }
}

/// The token of an Authorization field's value: `Bearer`, in any case, spaces, and one word
/// (RFC 6750 section 2.1); nil for every other scheme.
package func bearerToken(of authorization: String) -> String? {
  let scheme = authorization.utf8.prefix(6)
  guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }) else { return nil }
  let rest = authorization.utf8.dropFirst(6)
  let token = rest.drop { $0 == UInt8(ascii: " ") }
  guard token.startIndex > rest.startIndex, !token.isEmpty,
    token.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
  else { return nil }
  return String(Substring(token))
}

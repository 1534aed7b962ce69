import SharedKernel

/// A signed-in device. Its refresh token is single use: each use gives a new one, and a second use of
/// an old one, which only a thief or a lost answer explains, ends the session.
struct Session: Sendable {
  static let life: Duration = .seconds(30 * 24 * 3600)

  let id: UUID128
  let userID: UserID
  let userAgent: String?
  let createdAt: Timestamp
  let expiresAt: Timestamp
}

/// What a client gets when it signs in or refreshes.
struct TokenPair: Sendable, Encodable {
  let accessToken: String
  let tokenType = "Bearer"
  /// Seconds.
  let expiresIn: Int64
  let refreshToken: String
}

/// Limits on wrong passwords: few enough from one place to stop guessing, many enough in all that a
/// stranger cannot lock the owner out at once.
enum LoginLimit {
  static let window: Duration = .seconds(15 * 60)
  static let perAccountAndPrefixMax = 10
  static let perAccountMax = 100
  static let perPrefixMax = 300

  /// The part of an address that one customer usually has: /24 of IPv4, /48 of IPv6.
  static func prefix(of address: String?) -> String {
    guard let address else { return "unknown" }
    if address.contains(".") {
      return address.split(separator: ".").prefix(3).joined(separator: ".")
    }
    return address.split(separator: ":", omittingEmptySubsequences: false).prefix(3)
      .joined(separator: ":")
  }
}

/// Failed attempts of late.
struct LoginFailures: Sendable {
  let accountAndPrefix: Int
  let account: Int
  let prefix: Int

  var isTooMany: Bool {
    accountAndPrefix >= LoginLimit.perAccountAndPrefixMax || account >= LoginLimit.perAccountMax
      || prefix >= LoginLimit.perPrefixMax
  }
}

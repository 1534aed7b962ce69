import SharedKernel

/// A signed-in device. Its refresh token is single use: each use gives a new one, and a second use of
/// an old one, which only a thief or a lost answer explains, ends the session.
struct Session: Sendable {
  static let life: Duration = .seconds(30 * 24 * 3600)

  let id: UUID128
  let userID: UserID
  let userAgent: String?
  /// Where it was begun, as far as `AttemptLimits.prefix` tells.
  let addressPrefix: String?
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

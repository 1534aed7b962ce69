import SharedKernel

/// What attempts to get in are counted in.
protocol AttemptStore: Sendable {
  func attempts(account: String, prefix: String) async throws -> Attempts
  func note(account: String, prefix: String) async throws
}

/// Attempts within `AttemptLimits.window`: wrong passwords, and registrations.
struct Attempts: Sendable {
  let accountAndPrefix: Int
  let account: Int
  let prefix: Int
}

/// Few enough attempts from one place to stop guessing, many enough in all that a stranger cannot
/// lock the owner of an account out at once.
struct AttemptLimits: Sendable {
  static let window: Duration = .seconds(15 * 60)
  static let perAccountAndPrefixMax = 10
  static let perAccountMax = 100
  static let perPrefixMax = 300
  /// What registrations are counted under.
  private static let registration = "(registration)"

  let store: any AttemptStore

  /// - Throws: `UserError.tooManyAttempts` after too many wrong passwords.
  func admitSignIn(to account: String, from address: String?) async throws {
    let attempts = try await store.attempts(account: account, prefix: Self.prefix(of: address))
    guard
      attempts.accountAndPrefix < Self.perAccountAndPrefixMax,
      attempts.account < Self.perAccountMax, attempts.prefix < Self.perPrefixMax
    else { throw UserError.tooManyAttempts }
  }

  func noteWrongPassword(for account: String, from address: String?) async throws {
    try await store.note(account: account, prefix: Self.prefix(of: address))
  }

  /// Counts a registration: each costs us a password hash.
  ///
  /// - Throws: `UserError.tooManyAttempts`
  func admitRegistration(from address: String?) async throws {
    let prefix = Self.prefix(of: address)
    let attempts = try await store.attempts(account: Self.registration, prefix: prefix)
    guard attempts.prefix < Self.perPrefixMax else { throw UserError.tooManyAttempts }
    try await store.note(account: Self.registration, prefix: prefix)
  }

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

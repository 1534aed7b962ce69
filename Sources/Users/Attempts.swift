import SharedKernel

/// What attempts to get in are counted in.
protocol AttemptStore: Sendable {
  /// Notes an attempt if those of late allow one more. Of several at once each sees the others.
  ///
  /// - Returns: what it is withdrawn by; nil if it was not allowed.
  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> Bool
  ) async throws -> AttemptNumber?
  /// Forgets an attempt that was none.
  func withdraw(_ attempt: AttemptNumber) async throws
}

typealias AttemptNumber = Int64

/// Attempts within `AttemptLimits.window`: passwords that were wrong or are being looked at, and
/// registrations.
struct Attempts: Sendable {
  let accountAndPrefix: Int
  let account: Int
  /// Of all kinds.
  let prefix: Int
  let registrationsOfPrefix: Int
}

/// Few enough attempts from one place to stop guessing, many enough in all that a stranger cannot
/// lock the owner of an account out at once.
struct AttemptLimits: Sendable {
  static let window: Duration = .seconds(15 * 60)
  static let perAccountAndPrefixMax = 10
  static let perAccountMax = 100
  static let perPrefixMax = 300
  /// What registrations are counted under.
  static let registration = "(registration)"

  let store: any AttemptStore

  /// Counts an attempt to sign in as one with a wrong password until it is withdrawn, so that many at
  /// once are no more than one after the other. Registrations do not count here: whoever makes many
  /// accounts shuts nobody of the same place out.
  ///
  /// - Throws: `UserError.tooManyAttempts` after too many wrong passwords.
  func beginSignIn(to account: String, from address: String?) async throws -> AttemptNumber {
    let attempt = try await store.note(account: account, prefix: Self.prefix(of: address)) {
      $0.accountAndPrefix < Self.perAccountAndPrefixMax && $0.account < Self.perAccountMax
        && $0.prefix - $0.registrationsOfPrefix < Self.perPrefixMax
    }
    guard let attempt else { throw UserError.tooManyAttempts }
    return attempt
  }

  /// The password was right, or was not looked at.
  func withdraw(_ attempt: AttemptNumber) async throws {
    try await store.withdraw(attempt)
  }

  /// Counts a registration: each costs us a password hash.
  ///
  /// - Throws: `UserError.tooManyAttempts`
  func admitRegistration(from address: String?) async throws {
    let attempt = try await store.note(
      account: Self.registration, prefix: Self.prefix(of: address)
    ) { $0.prefix < Self.perPrefixMax }
    guard attempt != nil else { throw UserError.tooManyAttempts }
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

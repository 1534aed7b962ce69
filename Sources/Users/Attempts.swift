import SharedKernel

/// What attempts to get in are counted in.
protocol AttemptStore: Sendable {
  /// Notes an attempt if those of late allow one more. Of several at once each sees the others.
  ///
  /// - Returns: what it is settled by, or why it was not allowed.
  func note(
    account: String, prefix: String, if allows: @Sendable (Attempts) -> AttemptVerdict
  ) async throws -> AttemptNote
  /// Keeps an attempt as a failed one.
  func fail(_ attempt: AttemptNumber) async throws
  /// Forgets an attempt that was none.
  func withdraw(_ attempt: AttemptNumber) async throws
}

typealias AttemptNumber = Int64

enum AttemptVerdict: Sendable {
  case allowed
  /// Until some that are being looked at are settled.
  case later
  case refused
}

enum AttemptNote: Sendable {
  case noted(AttemptNumber)
  case later
  case refused
}

/// Attempts within `AttemptLimits.window`: passwords that were wrong or are being looked at,
/// registrations, and mails that were asked for.
struct Attempts: Sendable {
  struct Count: Sendable {
    /// Those that are still being looked at included.
    let all: Int
    let failed: Int

    func verdict(max: Int) -> AttemptVerdict {
      failed >= max ? .refused : all >= max ? .later : .allowed
    }
  }

  let accountAndPrefix: Count
  let account: Count
  /// Of passwords alone.
  let passwordsOfPrefix: Count
  /// Of all kinds.
  let prefix: Count
}

/// Few enough attempts from one place to stop guessing, many enough in all that a stranger cannot
/// lock the owner of an account out at once.
struct AttemptLimits: Sendable {
  static let window: Duration = .seconds(15 * 60)
  static let perAccountAndPrefixMax = 10
  static let perAccountMax = 100
  static let perPrefixMax = 300
  /// Mails to one account that anybody can ask for.
  static let mailsPerAccountMax = 10
  /// What registrations are counted under.
  static let registration = "(registration)"
  /// What mails that were asked for are counted under, before the account.
  static let mail = "(mail) "
  /// How long an attempt waits for others that are being looked at; each takes tens of
  /// milliseconds.
  static let patience: Duration = .seconds(10)
  private static let pause: Duration = .milliseconds(50)

  let store: any AttemptStore
  /// Told when attempts on an account were refused: it may be to be locked.
  var refused: @Sendable (_ account: String) async throws -> Void = { _ in }

  /// Looks at a password. It counts as wrong until it is known to be right, so that many at once
  /// are no more than one after the other; who comes while as many as may be wrong are being looked
  /// at waits for them. Registrations do not count here: whoever makes many accounts shuts nobody
  /// of the same place out.
  ///
  /// - Throws: `UserError.invalidCredentials`; `.tooManyAttempts` after too many wrong passwords;
  ///   `.busy` when it waited in vain; what `isRight` throws, which then does not count.
  func trying(
    _ account: String, from address: String?,
    _ isRight: @Sendable () async throws -> Bool
  ) async throws {
    let attempt = try await begin(account, from: address)
    let right: Bool
    do {
      right = try await isRight()
    } catch {
      // It was not looked at.
      try await store.withdraw(attempt)
      throw error
    }
    guard right else {
      try await store.fail(attempt)
      throw UserError.invalidCredentials
    }
    try await store.withdraw(attempt)
  }

  private func begin(_ account: String, from address: String?) async throws -> AttemptNumber {
    let end = ContinuousClock.now + Self.patience
    while true {
      let note = try await store.note(account: account, prefix: Self.prefix(of: address)) {
        counted in
        let verdicts = [
          counted.accountAndPrefix.verdict(max: Self.perAccountAndPrefixMax),
          counted.account.verdict(max: Self.perAccountMax),
          counted.passwordsOfPrefix.verdict(max: Self.perPrefixMax),
        ]
        return verdicts.contains(.refused)
          ? .refused : verdicts.contains(.later) ? .later : .allowed
      }
      switch note {
      case .noted(let number): return number
      case .later:
        guard ContinuousClock.now < end else { throw UserError.busy }
        try await Task.sleep(for: Self.pause)
      case .refused:
        try await refused(account)
        throw UserError.tooManyAttempts
      }
    }
  }

  /// Counts a registration: each costs us a password hash.
  ///
  /// - Throws: `UserError.tooManyAttempts`
  func admitRegistration(from address: String?) async throws {
    try await count(Self.registration, from: address) {
      $0.prefix.verdict(max: Self.perPrefixMax)
    }
  }

  /// Counts a mail that somebody asks for.
  ///
  /// - Throws: `UserError.tooManyAttempts`
  func admitMail(to account: String, from address: String?) async throws {
    try await count(Self.mail + account, from: address) { counted in
      counted.account.all >= Self.mailsPerAccountMax
        ? .refused : counted.prefix.verdict(max: Self.perPrefixMax)
    }
  }

  private func count(
    _ account: String, from address: String?, if allows: @Sendable (Attempts) -> AttemptVerdict
  ) async throws {
    let note = try await store.note(
      account: account, prefix: Self.prefix(of: address), if: allows)
    guard case .noted(let attempt) = note else { throw UserError.tooManyAttempts }
    try await store.fail(attempt)
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

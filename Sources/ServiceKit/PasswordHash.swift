import CSodium
package import EventLoops
package import SharedKernel

/// An argon2id hash of a password in the PHC string format, which names its own parameters:
/// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
///
/// Each hash takes 19 MiB and tens of milliseconds, so all run on a few threads of their own.
package struct PasswordHash: Hashable, Sendable {
  /// What one hash takes: argon2id's `m`, which the text has in KiB.
  package static let memoryBytes = 19 * 1024 * 1024
  /// How often it goes through that memory: argon2id's `t`.
  package static let passes: UInt64 = 2
  /// Longer input is refused before it costs anything.
  package static let passwordBytesMax = 1024

  /// The only threads that hash: 2 at a time, so at most 38 MiB, and 64 waiting.
  package static let threads = BlockingWork(threads: 2, waitingMax: 64)

  /// The PHC string, as it is stored.
  package let text: String

  /// Takes a hash that was stored.
  package init(text: String) {
    self.text = text
  }

  /// Hashes a new password.
  ///
  /// - Throws: `PasswordHashFailure`.
  package static func make(of password: String) async throws -> PasswordHash {
    try await onThread(password) { password in
      var output = [CChar](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
      let status = crypto_pwhash_str_alg(
        &output, password, UInt64(password.count), passes, memoryBytes,
        crypto_pwhash_ALG_ARGON2ID13)
      guard status == 0 else { throw PasswordHashFailure.outOfMemory }
      return PasswordHash(text: string(of: output))
    }
  }

  /// Whether `password` is the one that was hashed. For an account that does not exist pass nil: the
  /// answer is false after the same time, so that the time tells nobody which accounts there are.
  ///
  /// - Throws: `PasswordHashFailure`.
  package static func verify(_ password: String, against hash: PasswordHash?) async throws -> Bool {
    try await onThread(password) { password in
      // Made by the first call, whoever it is for, so that it never shows in the time of later ones.
      let nobodys = nobodys
      let status = crypto_pwhash_str_verify(
        (hash ?? nobodys).text, password, UInt64(password.count))
      return status == 0 && hash != nil
    }
  }

  /// Whether the parameters have grown since, so that the password should be hashed anew at the
  /// next login. True for text that is no hash.
  package var needsRehash: Bool {
    initializeSodium()
    return crypto_pwhash_str_needs_rehash(text, Self.passes, Self.memoryBytes) != 0
  }

  /// The hash of a password that nobody has, with the parameters above.
  private static let nobodys: PasswordHash = {
    initializeSodium()
    var output = [CChar](repeating: 0, count: Int(crypto_pwhash_STRBYTES))
    let password = randomBytes(32).map { CChar(bitPattern: $0) }
    let status = crypto_pwhash_str_alg(
      &output, password, UInt64(password.count), passes, memoryBytes,
      crypto_pwhash_ALG_ARGON2ID13)
    precondition(status == 0, "no memory for one hash")
    return PasswordHash(text: string(of: output))
  }()

  private static func onThread<Value: Sendable>(
    _ password: String, _ body: @escaping @Sendable ([CChar]) throws -> Value
  ) async throws -> Value {
    guard password.utf8.count <= passwordBytesMax else { throw PasswordHashFailure.passwordTooLong }
    initializeSodium()
    do {
      return try await threads.run { try body(password.utf8.map { CChar(bitPattern: $0) }) }
    } catch is BlockingWork.QueueFull {
      throw PasswordHashFailure.busy
    }
  }

  private static func string(of characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Why a password was not hashed or compared.
package enum PasswordHashFailure: Failure {
  /// As many passwords wait as may.
  case busy
  case outOfMemory
  case passwordTooLong

  package var kind: FailureKind {
    switch self {
    case .busy: .rateLimited
    case .outOfMemory: .internal
    case .passwordTooLong: .validationFailed
    }
  }

  package var detail: String {
    switch self {
    case .busy: "Too many are signing in at the moment."
    case .outOfMemory: "The password could not be checked."
    case .passwordTooLong: "The password is longer than \(PasswordHash.passwordBytesMax) bytes."
    }
  }
}

/// libsodium asks for this once, before anything else; it is thread-safe and cheap from then on.
private func initializeSodium() {
  _ = sodiumStatus
}

private let sodiumStatus: Int32 = {
  let status = sodium_init()
  precondition(status >= 0, "libsodium cannot be used on this machine")
  return status
}()

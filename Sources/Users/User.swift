import SharedKernel

/// Somebody with an account.
struct User: Sendable {
  enum Status: String, Codable, Sendable {
    case active, suspended, deleted
  }

  let id: UserID
  let email: EmailAddress
  var name: String
  let role: Role
  let status: Status
  let isEmailVerified: Bool
  var locale: String
  let version: Int
  let createdAt: Timestamp
}

/// An address for mail, in lower case.
///
/// Checked for what mail would certainly fail on; whether it exists only mail can tell.
struct EmailAddress: Hashable, Sendable {
  static let lengthMax = 254

  let text: String

  /// - Throws: `ValidationFailure`.
  init(_ text: String) throws(ValidationFailure) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard text.utf8.count <= Self.lengthMax, parts.count == 2, Self.isLocalPart(parts[0]),
      Self.isDomain(parts[1])
    else { throw ValidationFailure("/email", "invalid", "is no address for mail") }
    self.text = text.lowercased()
  }

  /// A dot-atom (RFC 5322 section 3.2.3) of the length that RFC 5321 section 4.5.3.1.1 allows.
  private static func isLocalPart(_ text: Substring) -> Bool {
    text.utf8.count <= 64
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
        !atom.isEmpty
          && atom.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0) }
      }
  }

  /// Two labels or more (RFC 1035 section 2.3.1).
  private static func isDomain(_ text: Substring) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return labels.count > 1
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
      }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}

/// A password that may be set.
struct NewPassword: Sendable {
  let text: String

  /// - Throws: `ValidationFailure` unless it has 10 to 128 characters and is none of the passwords
  ///   that are tried first.
  init(_ text: String, at pointer: String = "/password") throws(ValidationFailure) {
    guard (10...128).contains(text.unicodeScalars.count) else {
      throw ValidationFailure(pointer, "length", "must have 10 to 128 characters")
    }
    let folded = text.lowercased()
    let isRepetitive = Set(folded).count < 4
    let isCommon = Self.common.contains {
      folded.hasPrefix($0) && folded.count < $0.count + 4
    }
    guard !isRepetitive, !isCommon else {
      throw ValidationFailure(pointer, "common", "is among the passwords tried first")
    }
    self.text = text
  }

  /// Beginnings of the usual passwords of ten characters and more, from public leak statistics.
  private static let common = [
    "1234567890", "0123456789", "0987654321", "1q2w3e4r5t", "1qaz2wsx3edc", "abcdefghij",
    "admin12345", "asdfghjkl", "baseball", "changeme", "charlie", "football", "iloveyou",
    "letmein", "liverpool", "password", "passw0rd", "p@ssw0rd", "princess", "qwertyuiop",
    "qwerty123", "sunshine", "superman", "trustno1", "welcome", "zxcvbnm",
  ]
}

/// What a new account is made from, checked.
struct Registration: Sendable {
  let email: EmailAddress
  let password: NewPassword
  let name: String
  let locale: String

  /// - Throws: `ValidationFailure` with every fault.
  init(email: String, password: String, name: String, locale: String?) throws(ValidationFailure) {
    var faults: [Fault] = []
    func collect<Value>(_ make: () throws(ValidationFailure) -> Value) -> Value? {
      do {
        return try make()
      } catch {
        faults += error.faults
        return nil
      }
    }
    let address = collect { () throws(ValidationFailure) in try EmailAddress(email) }
    let secret = collect { () throws(ValidationFailure) in try NewPassword(password) }
    var validation = Validation()
    validation.requireText(name, "/name", length: 1...100)
    validation.require(isLocale(locale ?? "en"), "/locale", "invalid", "such as en or de-CH")
    faults += validation.faults
    guard faults.isEmpty, let address, let secret else { throw ValidationFailure(faults) }
    self.email = address
    self.password = secret
    self.name = name
    self.locale = locale ?? "en"
  }
}

/// Two or three letters, and parts of up to eight letters and digits (RFC 5646 section 2.1).
func isLocale(_ text: String) -> Bool {
  let parts = text.split(separator: "-", omittingEmptySubsequences: false)
  return parts.count <= 4 && (2...3).contains(parts[0].count)
    && parts.allSatisfy { part in
      (1...8).contains(part.count) && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }
}

enum UserError: Failure, Hashable {
  case emailTaken
  case invalidCredentials
  /// Too many wrong passwords of late.
  case tooManyAttempts
  /// As many passwords are being hashed as may be.
  case busy
  /// A refresh token that is not, or no longer, good.
  case sessionEnded
  /// A link of a mail that was used, or is too old.
  case linkIsOver
  /// Without whom nobody could administer the shop.
  case lastAdministrator
  case changedMeanwhile(currentVersion: Int)

  var kind: FailureKind {
    switch self {
    case .emailTaken: .duplicateResource
    case .invalidCredentials: .invalidCredentials
    case .tooManyAttempts, .busy: .rateLimited
    case .sessionEnded: .unauthenticated
    case .linkIsOver: .gone
    case .lastAdministrator: .resourceInUse
    case .changedMeanwhile: .preconditionFailed
    }
  }

  var detail: String {
    switch self {
    case .emailTaken: "There is an account with this address."
    case .invalidCredentials: "The address or the password is not right."
    case .tooManyAttempts: "Too many attempts; try again in 15 minutes."
    case .busy: "Too many are signing in at the moment."
    case .sessionEnded: "The session has ended; sign in again."
    case .linkIsOver: "The link was used, or is too old; ask for another."
    case .lastAdministrator: "There is no other active administrator."
    case .changedMeanwhile(let version): "This is at version \(version)."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .emailTaken: ["field": "email"]
    case .changedMeanwhile(let version): ["currentVersion": .number(Int64(version))]
    case .invalidCredentials, .tooManyAttempts, .busy, .sessionEnded, .linkIsOver,
      .lastAdministrator:
      [:]
    }
  }
}

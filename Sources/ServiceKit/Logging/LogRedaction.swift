import Synchronization

/// Which metadata may not be logged, by its key: secrets, and what says where a person is found.
enum LogRedaction {
  static let replacement = "<redacted>"

  /// Found anywhere in a key, once its capitals, `_`, `-` and `.` are gone.
  private static let forbiddenParts = [
    "password", "passwd", "secret", "token", "authorization", "cookie", "credential", "apikey",
    "privatekey", "idempotencykey", "databaseurl", "email", "phone", "street", "postaladdress",
    "shippingaddress", "billingaddress", "cardnumber", "recipient",
  ]

  /// Keys are written in the code, so there are few; past this they are judged anew each time.
  private static let rememberedMax = 1024
  private static let remembered = Mutex<[String: Bool]>([:])

  static func forbids(_ key: String) -> Bool {
    if let known = remembered.withLock({ $0[key] }) { return known }
    let letters = String(
      decoding: key.utf8.filter { isLetterOrDigit($0) }.map { isCapital($0) ? $0 | 0x20 : $0 },
      as: UTF8.self)
    let answer = forbiddenParts.contains { letters.contains($0) }
    remembered.withLock { if $0.count < rememberedMax { $0[key] = answer } }
    return answer
  }

  private static func isCapital(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}

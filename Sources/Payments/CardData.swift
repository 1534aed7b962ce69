/// Finds what looks like a card number, so that none is ever stored or logged.
enum CardData {
  private static let digitCounts = 13...19

  /// Whether `bytes` (a JSON body, or a text) hold 13 to 19 digits that pass the Luhn check: in one
  /// run, or as a whole JSON string in groups parted by spaces or dashes. Dashes inside of longer
  /// strings do not join digits, or some UUIDs would look like cards.
  static func appears(in bytes: some Collection<UInt8>) -> Bool {
    var run: [UInt8] = []
    var quoted: [UInt8]? = nil
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        run.append(byte)
        quoted?.append(byte)
      case UInt8(ascii: "\""):
        if isCardNumber(run) || isCardNumber(quoted ?? []) { return true }
        run = []
        quoted = []
      case UInt8(ascii: " "), UInt8(ascii: "-"):
        if isCardNumber(run) { return true }
        run = []
      default:
        if isCardNumber(run) { return true }
        run = []
        quoted = nil
      }
    }
    return isCardNumber(run)
  }

  static func appears(in text: String) -> Bool {
    appears(in: text.utf8)
  }

  /// ISO/IEC 7812-1 annex B.
  private static func isCardNumber(_ digits: [UInt8]) -> Bool {
    guard digitCounts.contains(digits.count) else { return false }
    var sum = 0
    for (index, byte) in digits.reversed().enumerated() {
      let digit = Int(byte - UInt8(ascii: "0"))
      let doubled = index.isMultiple(of: 2) ? digit : digit * 2
      sum += doubled > 9 ? doubled - 9 : doubled
    }
    return sum.isMultiple(of: 10)
  }
}

/// Finds what looks like the number of a payment card, which must never come in here.
enum CardNumber {
  /// ISO/IEC 7812-1.
  private static let digits = 13...19

  /// Whether `text` has a run of 13 to 19 digits, single spaces and hyphens between them allowed,
  /// whose last digit checks the others by Luhn's formula.
  static func isPresent(in text: String) -> Bool {
    var run: [UInt8] = []
    var separators = 0
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        run.append(byte - UInt8(ascii: "0"))
        separators = 0
      case UInt8(ascii: " ") where !run.isEmpty && separators == 0,
        UInt8(ascii: "-") where !run.isEmpty && separators == 0:
        separators = 1
      default:
        if isCardNumber(run) { return true }
        run.removeAll(keepingCapacity: true)
        separators = 0
      }
    }
    return isCardNumber(run)
  }

  private static func isCardNumber(_ run: [UInt8]) -> Bool {
    guard digits.contains(run.count) else { return false }
    var sum = 0
    for (index, digit) in run.reversed().enumerated() {
      let doubled = Int(digit) * 2
      sum += index % 2 == 0 ? Int(digit) : doubled > 9 ? doubled - 9 : doubled
    }
    return sum % 10 == 0
  }
}

/// Finds what looks like the number of a payment card, which must never be stored or logged here.
package enum CardNumber {
  /// ISO/IEC 7812-1.
  private static let digitCounts = 13...19

  /// Whether `text` holds 13 to 19 digits whose last one checks the others by Luhn's formula: one
  /// group of digits, or neighbouring groups with a single space or hyphen between them, each whole.
  /// UUIDs are left out, or some of them would look like cards.
  package static func isPresent(in text: String) -> Bool {
    isPresent(in: Array(text.utf8))
  }

  /// The same of a text's bytes, such as a JSON body.
  package static func isPresent(in bytes: [UInt8]) -> Bool {
    var run = Run()
    var index = 0
    while index < bytes.count {
      if isUUID(at: index, of: bytes) {
        if run.holdsCard { return true }
        run = Run()
        index += uuidLength
        continue
      }
      switch bytes[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        run.append(bytes[index] - UInt8(ascii: "0"))
      case UInt8(ascii: " ") where run.endsWithDigit, UInt8(ascii: "-") where run.endsWithDigit:
        run.endGroup()
      default:
        if run.holdsCard { return true }
        run = Run()
      }
      index += 1
    }
    return run.holdsCard
  }

  /// Groups of digits, one separator apart.
  private struct Run {
    private var digits: [UInt8] = []
    /// Where each group begins.
    private var starts: [Int] = []
    private(set) var endsWithDigit = false

    mutating func append(_ digit: UInt8) {
      if !endsWithDigit { starts.append(digits.count) }
      digits.append(digit)
      endsWithDigit = true
    }

    mutating func endGroup() {
      endsWithDigit = false
    }

    var holdsCard: Bool {
      let ends = starts.dropFirst() + [digits.count]
      for (first, start) in starts.enumerated() {
        for end in ends[(first + ends.startIndex)...] {
          let count = end - start
          if count > digitCounts.upperBound { break }
          if digitCounts.contains(count), passesLuhn(digits[start..<end]) { return true }
        }
      }
      return false
    }
  }

  /// ISO/IEC 7812-1 annex B.
  private static func passesLuhn(_ digits: ArraySlice<UInt8>) -> Bool {
    var sum = 0
    for (index, digit) in digits.reversed().enumerated() {
      let doubled = Int(digit) * 2
      sum += index.isMultiple(of: 2) ? Int(digit) : doubled > 9 ? doubled - 9 : doubled
    }
    return sum.isMultiple(of: 10)
  }

  // MARK: UUIDs

  private static let uuidLength = 36

  /// Whether the 36 characters from `index` are a UUID's, and no letter or digit touches them.
  private static func isUUID(at index: Int, of bytes: [UInt8]) -> Bool {
    let end = index + uuidLength
    guard end <= bytes.count, index == 0 || !isAlphanumeric(bytes[index - 1]),
      end == bytes.count || !isAlphanumeric(bytes[end])
    else { return false }
    for offset in 0..<uuidLength {
      let byte = bytes[index + offset]
      let isRight =
        [8, 13, 18, 23].contains(offset) ? byte == UInt8(ascii: "-") : isHexadecimal(byte)
      if !isRight { return false }
    }
    return true
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: false
    }
  }
}

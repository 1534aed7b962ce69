/// RFC 8259 once more, rule for rule and without a thought of speed: what `JSONParser` is held to.
/// Knows no limit of depth, and lets members repeat.
struct JSONGrammar {
  private var rest: Substring.UnicodeScalarView

  static func accepts(_ bytes: [UInt8]) -> Bool {
    guard let text = String(validating: bytes, as: UTF8.self) else { return false }
    var grammar = JSONGrammar(rest: Substring(text).unicodeScalars)
    return grammar.value() && grammar.rest.isEmpty
  }

  private mutating func value() -> Bool {
    blanks()
    defer { blanks() }
    switch rest.first {
    case "{": return list("{", "}") { $0.member() }
    case "[": return list("[", "]") { $0.value() }
    case "\"": return string()
    case "t": return word("true")
    case "f": return word("false")
    case "n": return word("null")
    default: return number()
    }
  }

  private mutating func list(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ element: (inout JSONGrammar) -> Bool
  ) -> Bool {
    guard take(open) else { return false }
    blanks()
    if take(close) { return true }
    repeat {
      guard element(&self) else { return false }
    } while take(",")
    return take(close)
  }

  private mutating func member() -> Bool {
    blanks()
    guard string() else { return false }
    blanks()
    return take(":") && value()
  }

  private mutating func string() -> Bool {
    guard take("\"") else { return false }
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"": return true
      case "\\": guard escape() else { return false }
      case ..<" ": return false
      default: break
      }
    }
    return false
  }

  private mutating func escape() -> Bool {
    switch rest.popFirst() {
    case "\"", "\\", "/", "b", "f", "n", "r", "t": return true
    case "u":
      guard let unit = codeUnit(), !UTF16.isTrailSurrogate(unit) else { return false }
      guard UTF16.isLeadSurrogate(unit) else { return true }
      guard take("\\"), take("u"), let second = codeUnit() else { return false }
      return UTF16.isTrailSurrogate(second)
    default: return false
    }
  }

  private mutating func codeUnit() -> UInt16? {
    let digits = rest.prefix(4)
    rest = rest.dropFirst(4)
    guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.properties.isHexDigit }) else {
      return nil
    }
    return UInt16(String(digits), radix: 16)
  }

  private mutating func number() -> Bool {
    _ = take("-")
    guard take("0") || digits() else { return false }
    if take("."), !digits() { return false }
    guard take("e") || take("E") else { return true }
    _ = take("+") || take("-")
    return digits()
  }

  private mutating func digits() -> Bool {
    let count = rest.prefix { ("0"..."9").contains($0) }.count
    rest = rest.dropFirst(count)
    return count > 0
  }

  private mutating func word(_ word: String) -> Bool {
    word.unicodeScalars.allSatisfy { take($0) }
  }

  private mutating func blanks() {
    rest = rest.drop { [" ", "\t", "\n", "\r"].contains($0) }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard rest.first == scalar else { return false }
    rest.removeFirst()
    return true
  }
}

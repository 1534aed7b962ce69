/// Strings (RFC 8259 section 7), in UTF-8 and nothing else.
extension JSONReader {
  /// Reads a text, its escapes decoded.
  package mutating func text() throws(JSONParseError) -> String {
    skipSpace()
    guard next == UInt8(ascii: "\"") else { throw .unexpected(offset: position) }
    let start = position + 1
    let plain = skipPlainText()
    guard plain.isClosed else { return try escapedText(from: start) }
    let text = bytes.extracting(start..<position - 1)
    return plain.isASCII
      ? String(copying: UTF8Span(unchecked: text, isKnownASCII: true)) : try validated(text)
  }

  /// Goes behind a string that has no escape.
  ///
  /// - Returns: whether the closing quote was next, and whether all before it is surely ASCII.
  @inline(__always)
  mutating func skipPlainText() -> (isClosed: Bool, isASCII: Bool) {
    let plain = ByteScan.endOfPlainText(bytes, from: position + 1)
    position = plain.end
    return (take(UInt8(ascii: "\"")), plain.isASCII)
  }

  /// The slow way: a string that has an escape, from its first byte behind the quote.
  mutating func escapedText(from start: Int) throws(JSONParseError) -> String {
    var decoded = bytes.extracting(start..<position).withUnsafeBufferPointer { Array($0) }
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw malformed }
      position += 1
      if byte == UInt8(ascii: "\\") {
        try escape(into: &decoded)
      } else {
        decoded.append(byte)
      }
    }
    guard take(UInt8(ascii: "\"")) else { throw malformed }
    return try validated(decoded.span)
  }

  private mutating func escape(into decoded: inout [UInt8]) throws(JSONParseError) {
    guard let byte = next else { throw malformed }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        // A surrogate pair is one character; half of one is none.
        guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw malformed }
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second) else { throw malformed }
        code = 0x10000 + (code - 0xD800) << 10 + (second - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw malformed }
      decoded.append(contentsOf: String(Character(scalar)).utf8)
    default:
      position -= 1
      throw malformed
    }
  }

  private mutating func hexadecimal() throws(JSONParseError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw malformed
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  /// - Throws: `.malformed`, with the offset behind the text, for what is no UTF-8.
  func validated(_ text: Span<UInt8>) throws(JSONParseError) -> String {
    do throws(UTF8.ValidationError) {
      return String(copying: try UTF8Span(validating: text))
    } catch {
      throw malformed
    }
  }
}

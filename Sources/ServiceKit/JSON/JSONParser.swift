/// Why bytes are not one JSON text.
package enum JSONParseError: Error, Hashable {
  /// Not by the grammar of RFC 8259; the offset of the first byte that does not fit.
  case malformed(offset: Int)
  /// Arrays and objects nested deeper than `JSONParser.depthMax`.
  case tooDeep
  /// An object that has a member twice: readers disagree on which one counts, so it is refused.
  case duplicateMember(String)
}

/// Reads one whole JSON text, strictly by RFC 8259: no comments, no trailing commas, UTF-8 only.
package struct JSONParser {
  package static let depthMax = 128

  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var depth = 0

  /// - Throws: `JSONParseError`.
  package static func parse(_ bytes: [UInt8]) throws(JSONParseError) -> JSONValue {
    let result = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(JSONParseError) in
        var parser = JSONParser(bytes: buffer)
        return try parser.whole()
      }
    }
    return try result.get()
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
  }

  private mutating func whole() throws(JSONParseError) -> JSONValue {
    skipSpace()
    let value = try value()
    skipSpace()
    guard position == bytes.count else { throw malformed }
    return value
  }

  private var malformed: JSONParseError { .malformed(offset: position) }
  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() throws(JSONParseError) -> JSONValue {
    switch next {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONParseError) -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount {
      guard take(word.utf8Start[index]) else { throw malformed }
    }
    return value
  }

  private mutating func enter() throws(JSONParseError) {
    position += 1
    depth += 1
    guard depth <= Self.depthMax else { throw .tooDeep }
    skipSpace()
  }

  private mutating func object() throws(JSONParseError) -> JSONValue {
    try enter()
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    while !take(UInt8(ascii: "}")) {
      if !members.isEmpty {
        guard take(UInt8(ascii: ",")) else { throw malformed }
        skipSpace()
      }
      guard next == UInt8(ascii: "\"") else { throw malformed }
      let name = try string()
      guard names.insert(name).inserted else { throw .duplicateMember(name) }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw malformed }
      skipSpace()
      members.append(JSONValue.Member(name: name, value: try value()))
      skipSpace()
    }
    depth -= 1
    return .object(members)
  }

  private mutating func array() throws(JSONParseError) -> JSONValue {
    try enter()
    var elements: [JSONValue] = []
    while !take(UInt8(ascii: "]")) {
      if !elements.isEmpty {
        guard take(UInt8(ascii: ",")) else { throw malformed }
        skipSpace()
      }
      elements.append(try value())
      skipSpace()
    }
    depth -= 1
    return .array(elements)
  }

  private mutating func digits() throws(JSONParseError) {
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    guard position > start else { throw malformed }
  }

  private mutating func number() throws(JSONParseError) -> JSONValue {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func string() throws(JSONParseError) -> String {
    position += 1
    let start = position
    while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
      position += 1
    }
    if next == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try validated(bytes[start..<position])
    }
    return try escapedString(from: start)
  }

  /// The slow path, for a string that has an escape.
  private mutating func escapedString(from start: Int) throws(JSONParseError) -> String {
    var decoded = Array(bytes[start..<position])
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
    return try validated(decoded[...])
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

  private func validated(_ slice: some Sequence<UInt8>) throws(JSONParseError) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else { throw malformed }
    return text
  }
}

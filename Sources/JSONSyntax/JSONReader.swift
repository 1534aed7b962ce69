/// Reads one JSON text (RFC 8259) value by value, as its caller asks for them: strictly, without a tree
/// and without Foundation.
///
///     try json.beginObject()
///     while try json.nextMember() {
///       if json.isAt("sku") {
///         try json.read(into: &sku)
///       } else {
///         throw json.unknownMember
///       }
///     }
///
/// Every value must be read before the next one is asked for, and `end` be called after the last. An
/// error is final.
///
/// - `JSONReader+Text.swift`: strings
@usableFromInline
package struct JSONReader: ~Escapable {
  /// Arrays and objects within one another; deeper ones are refused.
  package static let depthMax = 128

  /// What kind of value stands next, by its first byte.
  package enum Kind {
    case object
    case array
    case text
    case number
    case word
  }

  @usableFromInline let bytes: Span<UInt8>
  var position = 0
  private var depth = 0
  /// No element or member of the innermost array or object has been read.
  private var isFirst = true
  /// The present member's name as it stands in `bytes`, without its quotes.
  @usableFromInline var name = 0..<0
  /// The same, decoded, if it has an escape.
  @usableFromInline var decodedName: String?

  @_lifetime(copy bytes)
  package init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
  }

  // MARK: Structure

  /// What the next value can only be, by its first byte.
  package var nextKind: Kind {
    mutating get {
      skipSpace()
      switch next {
      case UInt8(ascii: "{"): return .object
      case UInt8(ascii: "["): return .array
      case UInt8(ascii: "\""): return .text
      case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): return .word
      default: return .number
      }
    }
  }

  /// Reads the object's brace; its members follow.
  package mutating func beginObject() throws(JSONParseError) { try begin(UInt8(ascii: "{")) }
  /// Reads the array's bracket; its elements follow.
  package mutating func beginArray() throws(JSONParseError) { try begin(UInt8(ascii: "[")) }

  /// Goes on to the array's next element.
  ///
  /// - Returns: false at the array's end, which is then read.
  package mutating func nextElement() throws(JSONParseError) -> Bool {
    try goOn(until: UInt8(ascii: "]"))
  }

  /// Goes on to the object's next member, whose value comes next.
  ///
  /// - Returns: false at the object's end, which is then read.
  package mutating func nextMember() throws(JSONParseError) -> Bool {
    guard try goOn(until: UInt8(ascii: "}")) else { return false }
    guard next == UInt8(ascii: "\"") else { throw malformed }
    let start = position + 1
    if skipPlainText().isClosed {
      name = start..<position - 1
      // Bytes of a name that is known are right; an unknown one is validated by whoever asks for it.
      if decodedName != nil { decodedName = nil }
    } else {
      name = 0..<0
      decodedName = try escapedText(from: start)
    }
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw malformed }
    return true
  }

  /// Nothing but blanks may follow.
  package mutating func end() throws(JSONParseError) {
    skipSpace()
    guard position == bytes.count else { throw malformed }
  }

  // MARK: The present member

  /// Whether the present member has that name, which has neither quotes nor escapes.
  @inlinable
  @inline(__always)
  package func isAt(_ name: StaticString) -> Bool {
    let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    return self.name.count == wanted.count
      ? ByteScan.isEqual(bytes, self.name.lowerBound, wanted)
      : decodedName != nil && isDecoded(wanted)
  }

  /// By its code points (RFC 8259 section 8.3): `String` also takes the Kelvin sign for a K.
  @usableFromInline
  func isDecoded(_ wanted: UnsafeRawBufferPointer) -> Bool {
    decodedName.map { $0.utf8.elementsEqual(wanted) } ?? false
  }

  /// - Throws: `.malformed` for what is no UTF-8.
  package func memberName() throws(JSONParseError) -> String {
    if let decodedName { return decodedName }
    return try validated(bytes.extracting(name))
  }

  /// What to throw for a member that has no place.
  package var unknownMember: JSONParseError { misnamed { .unknownMember($0) } }
  /// What to throw for a member whose place is taken.
  package var duplicateMember: JSONParseError { misnamed { .duplicateMember($0) } }

  private func misnamed(_ error: (String) -> JSONParseError) -> JSONParseError {
    do throws(JSONParseError) {
      return error(try memberName())
    } catch {
      return error
    }
  }

  /// What to throw at an object's end when it lacks a member.
  package var memberMissing: JSONParseError { .memberMissing(offset: position) }

  /// Reads the present member's value.
  ///
  /// - Throws: `.duplicateMember` if it has been read before.
  package mutating func read(into place: inout String?) throws(JSONParseError) {
    guard place == nil else { throw duplicateMember }
    place = try text()
  }

  /// The same for a whole number.
  package mutating func read(into place: inout Int?) throws(JSONParseError) {
    guard place == nil else { throw duplicateMember }
    place = try integer()
  }

  // MARK: Values

  /// - Throws: `.unexpected` for another number than a whole one within `Int`.
  package mutating func integer() throws(JSONParseError) -> Int {
    skipSpace()
    if let short = shortInteger() { return short }
    let digits = try numberBytes()
    var value = 0
    let isNegative = bytes[digits.lowerBound] == UInt8(ascii: "-")
    for place in (isNegative ? digits.dropFirst() : digits) {
      let digit = Int(bytes[unchecked: place] &- 0x30)
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) =
        isNegative
        ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
      // Also what is no digit: the point and the letters of a fraction or an exponent.
      guard digit >= 0, digit <= 9, !overflow, !overflowToo else {
        throw .unexpected(offset: digits.lowerBound)
      }
      value = sum
    }
    return value
  }

  /// Up to 18 digits and nothing else, as nearly all are; nil reads nothing.
  private mutating func shortInteger() -> Int? {
    var end = position
    var value = 0
    while end < bytes.count, case let digit = Int(bytes[unchecked: end]) &- 0x30, digit >= 0,
      digit < 10
    {
      value = value &* 10 &+ digit
      end &+= 1
    }
    let count = end &- position
    guard count > 0, count <= 18, end < bytes.count else { return nil }
    if count > 1, bytes[unchecked: position] == UInt8(ascii: "0") { return nil }
    switch bytes[unchecked: end] {
    case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"):
      position = end
      return value
    default: return nil
    }
  }

  /// A number by its own text.
  package mutating func number() throws(JSONParseError) -> String {
    let digits = try numberBytes()
    return try validated(bytes.extracting(digits))
  }

  /// `true`, `false`, or nil for `null`.
  package mutating func word() throws(JSONParseError) -> Bool? {
    skipSpace()
    switch next {
    case UInt8(ascii: "t"):
      try take("true")
      return true
    case UInt8(ascii: "f"):
      try take("false")
      return false
    case UInt8(ascii: "n"):
      try take("null")
      return nil
    default: throw unexpected
    }
  }

  private mutating func numberBytes() throws(JSONParseError) -> Range<Int> {
    guard nextKind == .number else { throw unexpected }
    let start = position
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try takeDigits() }
    if take(UInt8(ascii: ".")) { try takeDigits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try takeDigits()
    }
    return start..<position
  }

  // MARK: Bytes

  var malformed: JSONParseError { .malformed(offset: position) }
  private var unexpected: JSONParseError { .unexpected(offset: position) }

  @inline(__always)
  var next: UInt8? { position < bytes.count ? bytes[unchecked: position] : nil }

  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func take(_ word: StaticString) throws(JSONParseError) {
    for index in 0..<word.utf8CodeUnitCount {
      guard take(word.utf8Start[index]) else { throw malformed }
    }
  }

  private mutating func takeDigits() throws(JSONParseError) {
    let start = position
    while let byte = next, byte &- 0x30 < 10 { position += 1 }
    guard position > start else { throw malformed }
  }

  @inline(__always)
  mutating func skipSpace() {
    while let byte = next, byte <= 0x20,
      byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    {
      position += 1
    }
  }

  private mutating func begin(_ bracket: UInt8) throws(JSONParseError) {
    skipSpace()
    guard take(bracket) else { throw unexpected }
    depth += 1
    guard depth <= Self.depthMax else { throw .tooDeep }
    isFirst = true
  }

  /// Past the comma to the next element or member, or past the closing bracket.
  @inline(__always)
  private mutating func goOn(until bracket: UInt8) throws(JSONParseError) -> Bool {
    skipSpace()
    if take(bracket) {
      depth -= 1
      isFirst = false
      return false
    }
    if !isFirst {
      guard take(UInt8(ascii: ",")) else { throw malformed }
      skipSpace()
    }
    isFirst = false
    return true
  }
}

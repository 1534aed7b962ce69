/// Writes JSON (RFC 8259) as bytes, in the order it is told, without Foundation.
///
/// The caller keeps the grammar: names and values inside an object, values inside an array; commas
/// are put by the writer.
@usableFromInline
package struct JSONWriter: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<UInt8>
  @usableFromInline var capacity: Int
  @usableFromInline var needsComma = false

  /// - Parameter capacity: bytes for which there is room at first; it grows.
  package init(capacity: Int = 256) {
    self.capacity = max(capacity, 32)
    base = .allocate(capacity: self.capacity)
  }

  deinit {
    base.deallocate()
  }

  /// What has been written so far.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: written)) }

  /// What has been written from that byte on.
  package func bytes(from start: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: base + start, count: written - start))
  }

  /// How many bytes have been written so far.
  package var count: Int { written }
  @usableFromInline var written = 0

  /// What has been written so far, without a copy.
  package func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
    body(UnsafeBufferPointer(start: base, count: written))
  }

  /// Begins anew and keeps the room.
  package mutating func removeAll() {
    written = 0
    needsComma = false
  }

  /// Ends one text of several, each on a line of its own.
  package mutating func endLine() {
    append(UInt8(ascii: "\n"))
    needsComma = false
  }

  // MARK: Structure

  /// Opens an object: names and values in turn, then `endObject`.
  package mutating func beginObject() { open(UInt8(ascii: "{")) }
  /// Closes the innermost object.
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  /// Opens an array: values, then `endArray`.
  package mutating func beginArray() { open(UInt8(ascii: "[")) }
  /// Closes the innermost array.
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  /// A member's name; its value must follow.
  package mutating func name(_ name: String) {
    separate()
    quote(name)
    append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// A member's name that is known to need no escape; its value must follow.
  @inlinable
  @inline(__always)
  package mutating func member(_ name: StaticString) {
    let length = name.utf8CodeUnitCount
    reserve(length + 4)
    var place = base + written
    if needsComma {
      place.pointee = UInt8(ascii: ",")
      place += 1
    }
    place.pointee = UInt8(ascii: "\"")
    (place + 1).update(from: name.utf8Start, count: length)
    place[length + 1] = UInt8(ascii: "\"")
    place[length + 2] = UInt8(ascii: ":")
    written = place + length + 3 - base
    needsComma = false
  }

  // MARK: Values

  /// A text, with the escapes it needs.
  package mutating func text(_ value: String) {
    separate()
    quote(value)
    needsComma = true
  }

  /// - Parameter utf8: valid UTF-8, such as a database's text.
  package mutating func text(_ utf8: Span<UInt8>) {
    separate()
    utf8.withUnsafeBytes { quote($0) }
    needsComma = true
  }

  /// `true` or `false`.
  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
  /// `null`.
  package mutating func null() { literal("null") }
  /// A whole number of whatever type.
  package mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }

  /// A whole number, the fast way.
  package mutating func integer(_ value: Int) {
    separate()
    let digitsMax = 20  // with the sign
    reserve(digitsMax)
    var rest = value.magnitude
    var first = base + written + digitsMax
    let end = first
    while rest > 9 {
      // Two at a time: it is the divisions that cost.
      let pair = Int(truncatingIfNeeded: rest % 100) * 2
      rest /= 100
      first -= 2
      first[0] = Self.pairs.utf8Start[pair]
      first[1] = Self.pairs.utf8Start[pair + 1]
    }
    if rest > 0 || first == end {
      first -= 1
      first[0] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest)
    }
    if value < 0 {
      first -= 1
      first[0] = UInt8(ascii: "-")
    }
    (base + written).update(from: first, count: end - first)
    written += end - first
    needsComma = true
  }

  /// The numbers from 00 to 99.
  private static let pairs: StaticString = """
    00010203040506070809101112131415161718192021222324252627282930313233343536373839\
    40414243444546474849505152535455565758596061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899
    """

  /// Text that is a JSON value already: a number's digits, or JSON kept by the database.
  package mutating func literal(_ json: String) {
    separate()
    var json = json
    json.withUTF8 { append($0) }
    needsComma = true
  }

  /// A JSON value that another writer has written.
  package mutating func json(_ json: [UInt8]) {
    separate()
    json.withUnsafeBufferPointer { append($0) }
    needsComma = true
  }

  /// Copies the reader's next value, without the blanks in it.
  package mutating func copy(_ reader: inout JSONReader) throws(JSONParseError) {
    switch reader.nextKind {
    case .object:
      try reader.beginObject()
      beginObject()
      while try reader.nextMember() {
        name(try reader.memberName())
        try copy(&reader)
      }
      endObject()
    case .array:
      try reader.beginArray()
      beginArray()
      while try reader.nextElement() { try copy(&reader) }
      endArray()
    case .text: text(try reader.text())
    case .number: literal(try reader.number())
    case .word:
      if let value = try reader.word() { bool(value) } else { null() }
    }
  }

  // MARK: Strings

  /// RFC 8259 section 7: the quote, the backslash and control characters are escaped, all else is
  /// copied as UTF-8.
  private mutating func quote(_ text: UnsafeRawBufferPointer) {
    let wordAndQuotes = 10  // whole words are copied
    reserve(text.count + wordAndQuotes)
    base[written] = UInt8(ascii: "\"")
    written += 1
    var start = 0
    while true {
      let end = ByteScan.copyPlainText(text, from: start, to: base + written)
      written &+= end &- start
      if end == text.count { break }
      escape(text[end])
      start = end + 1
      reserve(text.count - start + wordAndQuotes)
    }
    base[written] = UInt8(ascii: "\"")
    written += 1
  }

  @inline(__always)
  private mutating func quote(_ text: String) {
    var text = text
    text.withUTF8 { quote(UnsafeRawBufferPointer($0)) }
  }

  private mutating func escape(_ byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
    case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
    case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
    default:
      let digits: StaticString = "0123456789abcdef"
      for digit in [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")] { append(digit) }
      append(digits.utf8Start[Int(byte >> 4)])
      append(digits.utf8Start[Int(byte & 0xF)])
    }
  }

  // MARK: Bytes

  private mutating func open(_ bracket: UInt8) {
    separate()
    append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { append(UInt8(ascii: ",")) }
  }

  @inline(__always)
  private mutating func append(_ byte: UInt8) {
    reserve(1)
    base[written] = byte
    written += 1
  }

  @inline(__always)
  private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    reserve(bytes.count)
    (base + written).update(from: start, count: bytes.count)
    written += bytes.count
  }

  @inlinable
  @inline(__always)
  mutating func reserve(_ extra: Int) {
    if extra > capacity - written { grow(by: extra) }
  }

  @usableFromInline
  @inline(never)
  mutating func grow(by extra: Int) {
    capacity = max(capacity * 2, written + extra)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: base, count: written)
    base.deallocate()
    base = larger
  }
}

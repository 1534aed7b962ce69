/// The header fields of one message, in order.
///
/// One byte buffer and offsets into it, for received and for built messages alike: the parser hands
/// over the bytes as they arrived, and a name or value becomes a `String` only when asked for.
package struct HTTPFields: Sendable {
  /// Where one field line's name and value are in the buffer, in bytes.
  package struct Line: Sendable {
    package var nameStart: UInt32
    package var nameCount: UInt32
    package var valueStart: UInt32
    package var valueCount: UInt32

    package init(nameStart: Int, nameCount: Int, valueStart: Int, valueCount: Int) {
      self.nameStart = UInt32(truncatingIfNeeded: nameStart)
      self.nameCount = UInt32(truncatingIfNeeded: nameCount)
      self.valueStart = UInt32(truncatingIfNeeded: valueStart)
      self.valueCount = UInt32(truncatingIfNeeded: valueCount)
    }

    package var name: Range<Int> { Int(nameStart)..<Int(nameStart + nameCount) }
    package var value: Range<Int> { Int(valueStart)..<Int(valueStart + valueCount) }
  }

  /// Holds every name and value; may hold other bytes of the message too. Lines that were appended stand
  /// in it as they are sent: `name: value` and CR LF.
  package private(set) var bytes: [UInt8]
  package private(set) var lines: [Line]

  package init() {
    bytes = []
    lines = []
  }

  /// Fields as they arrived.
  ///
  /// - Precondition: every line lies within `bytes`, its name is a token, and its value holds no
  ///   CR, LF or NUL: what a parser has checked.
  package init(received bytes: [UInt8], lines: [Line]) {
    self.bytes = bytes
    self.lines = lines
  }

  /// Field lines, a name that repeats counted each time.
  package var count: Int { lines.count }
  package var isEmpty: Bool { lines.isEmpty }

  /// The first value of that name. Setting replaces every value of the name; nil removes them.
  package subscript(_ name: HTTPFieldName) -> String? {
    get {
      for line in lines where matches(line, name) { return text(line.value) }
      return nil
    }
    set {
      if contains(name) { lines = lines.filter { !matches($0, name) } }
      if let newValue { append(name, newValue) }
    }
  }

  package func contains(_ name: HTTPFieldName) -> Bool {
    lines.contains { matches($0, name) }
  }

  /// Every value of that name, in order.
  package func values(_ name: HTTPFieldName) -> [String] {
    lines.compactMap { matches($0, name) ? text($0.value) : nil }
  }

  /// Adds a line behind those there are.
  ///
  /// A byte that RFC 9110 section 5.5 forbids in a value (CR, LF, NUL and other controls) is
  /// replaced by `?`, so that no value can begin a line or a message of its own; see
  /// `isValid(value:)`.
  package mutating func append(_ name: HTTPFieldName, _ value: String) {
    let room = name.text.utf8.count + value.utf8.count + 4
    if bytes.capacity - bytes.count < room {
      // With room for further ones: an answer's fields are few, but seldom one.
      bytes.reserveCapacity(max(2 * bytes.count, bytes.count + room + 64))
    }
    let nameStart = bytes.count
    bytes.append(utf8Of: name.text)
    let nameEnd = bytes.count
    bytes.append(UInt8(ascii: ":"))
    bytes.append(UInt8(ascii: " "))
    let valueStart = bytes.count
    bytes.append(utf8Of: value)
    let valueEnd = bytes.count
    for index in valueStart..<valueEnd where !Self.isValueByte(bytes[index]) {
      bytes[index] = UInt8(ascii: "?")
    }
    bytes.append(UInt8(ascii: "\r"))
    bytes.append(UInt8(ascii: "\n"))
    lines.append(
      Line(
        nameStart: nameStart, nameCount: nameEnd - nameStart,
        valueStart: valueStart, valueCount: valueEnd - valueStart))
  }

  package func forEach(_ body: (_ name: String, _ value: String) -> Void) {
    for line in lines { body(text(line.name), text(line.value)) }
  }

  /// Whether `append` keeps the value as it is.
  package static func isValid(value: String) -> Bool {
    value.utf8.allSatisfy(isValueByte)
  }

  /// Visible ASCII, space, tab, and bytes above 0x7F (RFC 9110 section 5.5).
  package static func isValueByte(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == 0x09
  }

  private func matches(_ line: Line, _ name: HTTPFieldName) -> Bool {
    let wanted = name.text.utf8
    guard Int(line.nameCount) == wanted.count else { return false }
    var position = Int(line.nameStart)
    for byte in wanted {
      let present = bytes[position]
      guard
        present == byte || HTTPToken.lowercased(present) == HTTPToken.lowercased(byte)
      else { return false }
      position += 1
    }
    return true
  }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (HTTPFieldName, String)...) {
    self.init()
    for (name, value) in elements { append(name, value) }
  }
}

extension HTTPFields: CustomStringConvertible {
  package var description: String {
    lines.map { "\(text($0.name)): \(text($0.value))" }.joined(separator: "\n")
  }
}

extension [UInt8] {
  /// By a buffer, which is copied at once: an array takes any other sequence byte by byte.
  fileprivate mutating func append(utf8Of text: String) {
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { append(contentsOf: $0) }
    if isDone == nil { append(contentsOf: text.utf8) }
  }
}

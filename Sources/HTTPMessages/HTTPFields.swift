/// The header fields of one message, in order.
///
/// Bytes and offsets into them, for received and for built messages alike: the parser hands over the
/// bytes as they arrived, and a name or value becomes a `String` only when asked for.
package struct HTTPFields: @unchecked Sendable {
  // @unchecked: a page is changed by a value only if no other holds it.

  /// Where one field line's name and value are in `bytes`.
  package struct Line: Sendable {
    // Offsets and lengths of 32 bits: a head is far smaller.
    package var nameStart: UInt32
    package var nameCount: UInt32
    package var valueStart: UInt32
    package var valueCount: UInt32

    /// Offsets and lengths in bytes.
    package init(nameStart: Int, nameCount: Int, valueStart: Int, valueCount: Int) {
      self.nameStart = UInt32(truncatingIfNeeded: nameStart)
      self.nameCount = UInt32(truncatingIfNeeded: nameCount)
      self.valueStart = UInt32(truncatingIfNeeded: valueStart)
      self.valueCount = UInt32(truncatingIfNeeded: valueCount)
    }

    /// The name's place.
    package var name: Range<Int> { Int(nameStart)..<Int(nameStart + nameCount) }
    /// The value's place, without the blanks at its ends.
    package var value: Range<Int> { Int(valueStart)..<Int(valueStart + valueCount) }

    /// Follows bytes that have moved by `distance`.
    package mutating func move(by distance: Int) {
      nameStart = UInt32(truncatingIfNeeded: Int(nameStart) + distance)
      valueStart = UInt32(truncatingIfNeeded: Int(valueStart) + distance)
    }
  }

  /// nil as long as there is nothing to hold.
  private var page: FieldPage?

  /// None.
  package init() {}

  /// Fields as they arrived.
  ///
  /// - Precondition: every line lies within `bytes`, its name is a token, and its value holds no
  ///   CR, LF or NUL: what a parser has checked.
  package init(received bytes: Span<UInt8>, lines: Span<Line>) {
    receive(bytes, lines: lines)
  }

  /// Takes what arrived in place of what was there, under the precondition of
  /// `init(received:lines:)`. Keeps the memory if there is enough of it and nobody else holds these
  /// fields.
  package mutating func receive(_ bytes: Span<UInt8>, lines: Span<Line>) {
    if isKnownUniquelyReferenced(&page), let page,
      page.canHold(lines: lines.count, bytes: bytes.count)
    {
      page.fill(lines, bytes)
    } else {
      let page = FieldPage.make(linesMax: max(lines.count, 8), bytesMax: bytes.count)
      page.fill(lines, bytes)
      self.page = page
    }
  }

  /// Every name and value; there may be other bytes of the message too. Lines that were appended
  /// stand in it as they are sent: `name: value` and CR LF.
  package var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { _overrideLifetime(Span(_unsafeElements: unsafeBytes), borrowing: self) }
  }

  /// `bytes` for those who see to it that the fields outlive them and stay as they are.
  var unsafeBytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: page?.bytes, count: page?.byteCount ?? 0)
  }

  /// Where each line's parts are in `bytes`.
  package var lines: Span<Line> {
    @_lifetime(borrow self)
    borrowing get {
      let lines = UnsafeBufferPointer(start: page?.lines, count: page?.lineCount ?? 0)
      return _overrideLifetime(Span(_unsafeElements: lines), borrowing: self)
    }
  }

  /// Whether `bytes` are all lines as they are sent and nothing else: so it is if every line was
  /// appended and none removed.
  package var isAsSent: Bool { page?.extent.pointee.isAsSent ?? true }

  /// Field lines, a name that repeats counted each time.
  package var count: Int { page?.lineCount ?? 0 }
  /// Whether there is no line.
  package var isEmpty: Bool { count == 0 }

  /// The first value of that name. Setting replaces every value of the name; nil removes them.
  package subscript(_ name: HTTPFieldName) -> String? {
    get { firstLine(name).map { text(lines[$0].value) } }
    set {
      if let first = firstLine(name) { removeLines(name, from: first) }
      if let newValue { append(name, newValue) }
    }
  }

  /// Whether a line has that name, in whatever case.
  package func contains(_ name: HTTPFieldName) -> Bool { firstLine(name) != nil }

  /// Every value of that name, in order.
  package func values(_ name: HTTPFieldName) -> [String] {
    lines.indices.compactMap { matches(lines[$0], name) ? text(lines[$0].value) : nil }
  }

  /// Adds a line behind those there are.
  ///
  /// A byte that RFC 9110 section 5.5 forbids in a value (CR, LF, NUL and other controls) is
  /// replaced by `?`, so that no value can begin a line or a message of its own; see
  /// `isValid(value:)`.
  package mutating func append(_ name: HTTPFieldName, _ value: String) {
    let nameCount = name.text.utf8.count
    let valueCount = value.utf8.count
    let page = pageWithRoom(lines: 1, bytes: nameCount + valueCount + 4)
    let start = page.byteCount
    let valueStart = start + nameCount + 2
    let bytes = page.bytes
    Self.write(name.text, to: bytes + start)
    bytes[start + nameCount] = UInt8(ascii: ":")
    bytes[start + nameCount + 1] = UInt8(ascii: " ")
    Self.write(value, to: bytes + valueStart)
    Self.replaceControls(
      in: UnsafeMutableRawBufferPointer(start: bytes + valueStart, count: valueCount))
    bytes[valueStart + valueCount] = UInt8(ascii: "\r")
    bytes[valueStart + valueCount + 1] = UInt8(ascii: "\n")
    page.add(
      Line(
        nameStart: start, nameCount: nameCount, valueStart: valueStart, valueCount: valueCount),
      bytes: nameCount + valueCount + 4)
  }

  /// Replaces what a value must not hold. Eight bytes at a time, of which all are fine as a rule.
  private static func replaceControls(in value: UnsafeMutableRawBufferPointer) {
    var index = 0
    while index + 8 <= value.count {
      let word = value.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // The highest bit of each byte that is below 0x20, or 0x7F (and perhaps of one behind such).
      let low = (word &- 0x2020_2020_2020_2020) & ~word
      let deleted = word ^ 0x7F7F_7F7F_7F7F_7F7F
      let del = (deleted &- 0x0101_0101_0101_0101) & ~deleted
      guard (low | del) & 0x8080_8080_8080_8080 == 0 else { break }
      index += 8
    }
    while index < value.count {
      if !isValueByte(value[index]) { value[index] = UInt8(ascii: "?") }
      index += 1
    }
  }

  @inline(__always)
  private static func write(_ text: String, to place: UnsafeMutablePointer<UInt8>) {
    var text = text
    text.withUTF8 { if let start = $0.baseAddress { place.update(from: start, count: $0.count) } }
  }

  /// Calls `body` with each line, in order.
  package func forEach(_ body: (_ name: String, _ value: String) -> Void) {
    for index in lines.indices { body(text(lines[index].name), text(lines[index].value)) }
  }

  /// Whether `append` keeps the value as it is.
  package static func isValid(value: String) -> Bool {
    value.utf8.allSatisfy(isValueByte)
  }

  /// Visible ASCII, space, tab, and bytes above 0x7F (RFC 9110 section 5.5).
  package static func isValueByte(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == 0x09
  }

  // MARK: Lines

  private func firstLine(_ name: HTTPFieldName) -> Int? {
    let lines = lines
    for index in lines.indices where matches(lines[index], name) { return index }
    return nil
  }

  private func matches(_ line: Line, _ name: HTTPFieldName) -> Bool {
    guard Int(line.nameCount) == name.text.utf8.count else { return false }
    let present = bytes.extracting(line.name)
    var wanted = name.text
    return wanted.withUTF8 { wanted in
      for index in wanted.indices
      where present[unchecked: index] != wanted[index]
        && HTTPToken.lowercased(present[unchecked: index]) != HTTPToken.lowercased(wanted[index])
      {
        return false
      }
      return true
    }
  }

  private func text(_ range: Range<Int>) -> String {
    bytes.extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func removeLines(_ name: HTTPFieldName, from first: Int) {
    let page = pageWithRoom(lines: 0, bytes: 0)
    var kept = first
    for index in first..<page.lineCount where !matches(page.lines[index], name) {
      page.lines[kept] = page.lines[index]
      kept += 1
    }
    page.extent.pointee.lineCount = kept
    page.extent.pointee.isAsSent = false
  }

  // MARK: Memory

  /// The page, made this value's own if it was not, with room for that much more.
  private mutating func pageWithRoom(lines: Int, bytes: Int) -> FieldPage {
    if isKnownUniquelyReferenced(&page), let page, page.hasRoom(lines: lines, bytes: bytes) {
      return page
    }
    // An answer's fields are few, but seldom one.
    let roomy =
      page?.copy(andRoomForLines: lines + 3, bytes: bytes + 64)
      ?? FieldPage.make(linesMax: lines + 3, bytesMax: bytes + 64)
    page = roomy
    return roomy
  }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
  /// In the order of the literal; a name may repeat.
  package init(dictionaryLiteral elements: (HTTPFieldName, String)...) {
    self.init()
    for (name, value) in elements { append(name, value) }
  }
}

extension HTTPFields: CustomStringConvertible {
  package var description: String {
    lines.indices.map { "\(text(lines[$0].name)): \(text(lines[$0].value))" }
      .joined(separator: "\n")
  }
}

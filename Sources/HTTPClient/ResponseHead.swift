import HTTPMessages

/// Collects a response's head from the lines libcurl hands over, and keeps their bytes as they came.
struct ResponseHead: Sendable {
  private(set) var fields: [HTTPFields.Line] = []
  private var bytes: [UInt8] = []
  private var isComplete = false
  /// All bytes taken, those of interim responses too: what a bound is held against.
  private(set) var byteCount = 0

  /// Takes one line with its end: a status line, a field, or the blank line that ends a head.
  mutating func add(line: UnsafeRawBufferPointer) {
    byteCount += line.count
    let text = Self.trimmed(line)
    if text.starts(with: "HTTP/".utf8) {
      // After an interim response (RFC 9110 section 15.2) another head follows.
      bytes.removeAll(keepingCapacity: true)
      fields.removeAll(keepingCapacity: true)
      isComplete = false
    } else if text.isEmpty {
      isComplete = true
    } else if !isComplete {
      addField(text)
    }  // else: a trailer, of which nothing here has need
  }

  /// The fields of the final response.
  var httpFields: HTTPFields { HTTPFields(received: bytes.span, lines: fields.span) }

  private mutating func addField(_ line: Slice<UnsafeRawBufferPointer>) {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    let name = line[..<colon]
    let value = Self.trimmed(line[(colon + 1)...])
    guard HTTPToken.isToken(name), value.allSatisfy(HTTPFields.isValueByte) else { return }
    let start = bytes.count
    bytes.append(contentsOf: name)
    bytes.append(contentsOf: value)
    fields.append(
      HTTPFields.Line(
        nameStart: start, nameCount: name.count, valueStart: start + name.count,
        valueCount: value.count))
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
    trimmed(bytes[...])
  }

  /// Without the blanks and line ends around it.
  private static func trimmed(
    _ bytes: Slice<UnsafeRawBufferPointer>
  ) -> Slice<UnsafeRawBufferPointer> {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var rest = bytes
    while let first = rest.first, isBlank(first) { rest = rest.dropFirst() }
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    return rest
  }
}

import Logging
import SharedKernel
import Synchronization

/// The bytes of one log line as a JSON object (RFC 8259), built front to back within a bound.
///
/// A member that does not fit is cut or left out, and the line then ends with `"truncated":true`: it
/// is valid JSON whatever was logged.
struct LogLine {
  /// PIPE_BUF on Linux: up to here a write to a pipe is never mixed with another's.
  static let bytesMax = 4096
  static let messageBytesMax = 2048
  static let valueBytesMax = 1024
  static let keyBytesMax = 64
  static let depthMax = 4
  /// Room kept for the end of the line.
  private static let endBytesMax = 20

  private(set) var bytes: [UInt8] = []
  private var isTruncated = false

  init() {
    bytes.reserveCapacity(512)
  }

  /// `{"time":"2026-11-22T10:15:30.123Z"`: always the first.
  mutating func begin(at time: Timestamp) {
    append(#"{"time":""#)
    appendTime(time)
    append(UInt8(ascii: "\""))
  }

  /// `,"key":"text"`, text cut at `bytesMax` bytes as written.
  mutating func add(_ key: StaticString, text: String, bytesMax: Int = valueBytesMax) {
    addMember(key: key.description) { $0.appendText(text, bytesMax: bytesMax) }
  }

  /// `,"key":value`; a key that may not be logged has its value replaced.
  mutating func add(_ key: String, _ value: Logger.MetadataValue) {
    addMember(key: key) { line in
      line.appendValue(value, redacted: LogRedaction.forbids(key), depth: 0)
    }
  }

  /// The whole line with its line feed.
  mutating func end() -> [UInt8] {
    if isTruncated { append(#","truncated":true"#) }
    append(#"}"#)
    append(UInt8(ascii: "\n"))
    return bytes
  }

  /// Adds a member, or takes it back when the line would grow too long.
  private mutating func addMember(key: String, _ value: (inout LogLine) -> Void) {
    let length = bytes.count
    append(UInt8(ascii: ","))
    appendText(key, bytesMax: Self.keyBytesMax)
    append(UInt8(ascii: ":"))
    value(&self)
    if bytes.count > Self.bytesMax - Self.endBytesMax {
      bytes.removeSubrange(length...)
      isTruncated = true
    }
  }

  private mutating func appendValue(
    _ value: Logger.MetadataValue, redacted: Bool, depth: Int
  ) {
    if redacted { return appendText(LogRedaction.replacement, bytesMax: Self.valueBytesMax) }
    guard depth < Self.depthMax, bytes.count < Self.bytesMax else {
      isTruncated = true
      return append("null")
    }
    switch value {
    case .string(let text):
      appendText(text, bytesMax: Self.valueBytesMax)
    case .stringConvertible(let number as any FixedWidthInteger):
      append(String(describing: number))
    case .stringConvertible(let flag as Bool):
      append(flag ? "true" : "false")
    case .stringConvertible(let described):
      appendText(described.description, bytesMax: Self.valueBytesMax)
    case .array(let values):
      append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { append(UInt8(ascii: ",")) }
        if bytes.count > Self.bytesMax { break }
        appendValue(value, redacted: false, depth: depth + 1)
      }
      append(UInt8(ascii: "]"))
    case .dictionary(let members):
      append(UInt8(ascii: "{"))
      var isFirst = true
      for (key, value) in members.sorted(by: { $0.key < $1.key }) {
        if bytes.count > Self.bytesMax { break }
        if !isFirst { append(UInt8(ascii: ",")) }
        isFirst = false
        appendText(key, bytesMax: Self.keyBytesMax)
        append(UInt8(ascii: ":"))
        appendValue(value, redacted: LogRedaction.forbids(key), depth: depth + 1)
      }
      append(UInt8(ascii: "}"))
    }
  }

  /// A JSON string; what would take more than `bytesMax` once escaped is cut at a scalar's border.
  private mutating func appendText(_ text: String, bytesMax: Int) {
    append(UInt8(ascii: "\""))
    let end = bytes.count + bytesMax
    var text = text
    text.withUTF8 { utf8 in
      for byte in utf8 {
        // The first byte of a scalar tells how much room all of it takes.
        if byte & 0xC0 != 0x80, bytes.count + writtenLength(ofScalarFrom: byte) > end {
          isTruncated = true
          break
        }
        appendEscaped(byte)
      }
    }
    append(UInt8(ascii: "\""))
  }

  private func writtenLength(ofScalarFrom byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "\n"), UInt8(ascii: "\t"): 2
    case 0..<0x20, 0x7F: 6
    case 0..<0x80: 1
    case 0..<0xE0: 2
    case 0..<0xF0: 3
    default: 4
    }
  }

  private mutating func appendEscaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append(#"\""#)
    case UInt8(ascii: "\\"): append(#"\\"#)
    case UInt8(ascii: "\n"): append(#"\n"#)
    case UInt8(ascii: "\t"): append(#"\t"#)
    case 0..<0x20, 0x7F:
      append(#"\u00"#)
      append(hexDigit(byte >> 4))
      append(hexDigit(byte & 0xF))
    default: append(byte)
    }
  }

  private mutating func appendTime(_ time: Timestamp) {
    let second = time.seconds
    bytes.append(contentsOf: SecondText.current(second))
    let millisecond = Int((time.microseconds - second * 1_000_000) / 1000)
    append(UInt8(ascii: "0") + UInt8(millisecond / 100))
    append(UInt8(ascii: "0") + UInt8(millisecond / 10 % 10))
    append(UInt8(ascii: "0") + UInt8(millisecond % 10))
    append(UInt8(ascii: "Z"))
  }

  private mutating func append(_ byte: UInt8) {
    bytes.append(byte)
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }
}

/// `2026-11-22T10:15:30.`, made once a second.
private enum SecondText {
  private static let last = Mutex<(second: Int64, text: [UInt8])>((Int64.min, []))

  static func current(_ second: Int64) -> [UInt8] {
    last.withLock { last in
      if last.second != second {
        let text = Timestamp(microseconds: second * 1_000_000).description
        last = (second, Array(text.utf8.dropLast(4)))
      }
      return last.text
    }
  }
}

private func hexDigit(_ nibble: UInt8) -> UInt8 {
  nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
}

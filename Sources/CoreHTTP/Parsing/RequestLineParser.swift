import HTTPMessages

/// Reads `method SP target SP HTTP/1.x CRLF` (RFC 9112 section 3), resuming at the byte where the
/// input ended, so that work is linear in bytes however they are cut.
struct RequestLineParser {
  private enum State {
    case start
    case emptyLineFeed
    case method
    case target
    case version
    case lineFeed
  }

  /// The next byte to look at; behind the line once it is complete.
  private(set) var position = 0
  /// nil for a token that is no method we know: 501, unless the line is wrong in itself.
  private(set) var method: HTTPMethod?
  private(set) var target = 0..<0
  private(set) var minorVersion: UInt8 = 1

  private var state = State.start
  private var lineStart = 0
  private var versionStart = 0

  /// - Parameter input: the message from its first byte.
  /// - Returns: whether the line is complete.
  mutating func parse(
    _ input: Span<UInt8>, lineBytesMax: Int, methodBytesMax: Int
  ) throws(Refusal) -> Bool {
    while position < input.count {
      switch state {
      case .start:
        if takePlainLine(input, lineBytesMax, methodBytesMax) { return true }
        try beginLine(input)
      case .emptyLineFeed:
        guard input[position] == .lineFeed else { throw .bareLineEnd }
        position += 1
        lineStart = position
        state = .method
      case .method: try readMethod(input, methodBytesMax)
      case .target: try readTarget(input, lineBytesMax)
      case .version: try readVersion(input)
      case .lineFeed:
        guard input[position] == .lineFeed else { throw .bareLineEnd }
        position += 1
        return true
      }
    }
    return false
  }

  /// Takes a line that is all there and as nearly all are; what is more or less than that, or near a
  /// bound, is left to the states.
  private mutating func takePlainLine(
    _ input: Span<UInt8>, _ lineBytesMax: Int, _ methodBytesMax: Int
  ) -> Bool {
    let version: StaticString = " HTTP/1.1\r\n"
    let stop = min(input.count, lineStart + lineBytesMax)
    let methodEnd = ByteScan.endOfToken(
      input, from: lineStart, to: min(stop, lineStart + methodBytesMax))
    guard methodEnd > lineStart, methodEnd + 1 < stop, input[unchecked: methodEnd] == .space else {
      return false
    }
    let targetEnd = ByteScan.endOfTarget(input, from: methodEnd + 1, to: stop)
    guard targetEnd > methodEnd + 1, input.starts(at: targetEnd, version),
      targetEnd + version.utf8CodeUnitCount <= stop
    else { return false }
    method = Self.method(input, lineStart..<methodEnd)
    target = methodEnd + 1..<targetEnd
    position = targetEnd + version.utf8CodeUnitCount
    return true
  }

  /// One empty line ahead of a request is passed over (RFC 9112 section 2.2).
  private mutating func beginLine(_ input: Span<UInt8>) throws(Refusal) {
    guard input[position] == .carriageReturn else {
      state = .method
      return
    }
    position += 1
    state = .emptyLineFeed
  }

  private mutating func readMethod(
    _ input: Span<UInt8>, _ methodBytesMax: Int
  ) throws(Refusal) {
    let stop = min(input.count, lineStart + methodBytesMax + 1)
    position = ByteScan.endOfToken(input, from: position, to: stop)
    guard position < stop else {
      if position - lineStart > methodBytesMax {
        throw .unknownMethod
      }
      return
    }
    guard input[position] == .space, position > lineStart else {
      throw .malformed("A request line begins with a method and one space.")
    }
    method = Self.method(input, lineStart..<position)
    position += 1
    target = position..<position
    state = .target
  }

  /// The letters as one number; a `String` would cost more than the rest of the line.
  private static func method(_ input: Span<UInt8>, _ range: Range<Int>) -> HTTPMethod? {
    guard range.count <= 7 else { return nil }
    var word: UInt64 = 0
    for position in range { word = word << 8 | UInt64(input[position]) }
    switch word {
    case 0x47_4554: return .get
    case 0x4845_4144: return .head
    case 0x504F_5354: return .post
    case 0x50_5554: return .put
    case 0x50_4154_4348: return .patch
    case 0x4445_4C45_5445: return .delete
    case 0x4F_5054_494F_4E53: return .options
    case 0x54_5241_4345: return .trace
    case 0x43_4F4E_4E45_4354: return .connect
    default: return nil
    }
  }

  private mutating func readTarget(
    _ input: Span<UInt8>, _ lineBytesMax: Int
  ) throws(Refusal) {
    // The rest of the line is " HTTP/1.1".
    let stop = min(input.count, lineStart + lineBytesMax - 9 + 1)
    position = ByteScan.endOfTarget(input, from: position, to: stop)
    guard position < stop else {
      if position - lineStart > lineBytesMax - 9 { throw .requestLineTooLong }
      return
    }
    guard input[position] == .space, position > target.lowerBound else {
      throw .malformed("A target is visible ASCII without #, with one space on either side.")
    }
    target = target.lowerBound..<position
    position += 1
    versionStart = position
    state = .version
  }

  /// `HTTP/` digit `.` digit, then CR.
  private mutating func readVersion(_ input: Span<UInt8>) throws(Refusal) {
    let pattern: StaticString = "HTTP/1.1\r"
    if position == versionStart, input.starts(at: position, pattern) {
      position += pattern.utf8CodeUnitCount
      state = .lineFeed
      return
    }
    while position < input.count {
      let byte = input[position]
      let offset = position - versionStart
      let isDigit = offset == 5 || offset == 7
      guard isDigit ? byte.isDigit : byte == pattern.utf8Start[offset] else {
        throw .malformed("A request line ends in the version, such as HTTP/1.1.")
      }
      position += 1
      guard offset == 8 else { continue }
      guard input[versionStart + 5] == UInt8(ascii: "1") else {
        throw Refusal(.versionNotSupported, "This server speaks HTTP/1.1.")
      }
      minorVersion = input[versionStart + 7] - UInt8(ascii: "0")
      state = .lineFeed
      return
    }
  }
}

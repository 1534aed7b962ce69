/// Finds the end of a run of allowed bytes. Eight bytes at a time in a `UInt64` where the class of
/// bytes permits it: SIMD16 was measured 14 times slower here.
enum ByteScan {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The first position in `range` whose byte is a control or DEL; the range's end if none is.
  static func endOfFieldText(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var position = start
    while position + 8 <= end {
      let word = load(bytes, at: position)
      // A borrow can only disturb lanes above the first hit, and only that one is used.
      let controls = (word &- ones &* 0x20) & ~word
      let deletes = zeroLanes(word ^ (ones &* 0x7F))
      let hits = (controls | deletes) & highs
      if hits != 0 { return position + hits.trailingZeroBitCount >> 3 }
      position += 8
    }
    while position < end {
      let byte = bytes[unchecked: position]
      if byte < 0x20 || byte == 0x7F { break }
      position += 1
    }
    return position
  }

  /// The first position whose byte may not stand in a target: not visible ASCII, or `#`.
  static func endOfTarget(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var position = start
    while position + 8 <= end {
      let word = load(bytes, at: position)
      let low = (word &- ones &* 0x21) & ~word
      let deletes = zeroLanes(word ^ (ones &* 0x7F))
      let hashes = zeroLanes(word ^ (ones &* 0x23))
      let hits = (low | deletes | hashes | word) & highs
      if hits != 0 { return position + hits.trailingZeroBitCount >> 3 }
      position += 8
    }
    while position < end {
      let byte = bytes[unchecked: position]
      if byte < 0x21 || byte > 0x7E || byte == 0x23 { break }
      position += 1
    }
    return position
  }

  /// The first position whose byte a path cannot have without a closer look: `%`, `.` or `?`.
  static func endOfPlainPath(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    firstOf(0x25, 0x2E, 0x3F, bytes, from: start, to: end)
  }

  /// The first position whose byte is `/` or `%`.
  static func endOfPlainSegment(_ bytes: Span<UInt8>, from start: Int) -> Int {
    firstOf(0x2F, 0x25, 0x25, bytes, from: start, to: bytes.count)
  }

  @inline(__always)
  private static func firstOf(
    _ first: UInt8, _ second: UInt8, _ third: UInt8,
    _ bytes: Span<UInt8>, from start: Int, to end: Int
  ) -> Int {
    var position = start
    while position + 8 <= end {
      let word = load(bytes, at: position)
      let hits =
        zeroLanes(word ^ (ones &* UInt64(first))) | zeroLanes(word ^ (ones &* UInt64(second)))
        | zeroLanes(word ^ (ones &* UInt64(third)))
      if hits & highs != 0 { return position + (hits & highs).trailingZeroBitCount >> 3 }
      position += 8
    }
    while position < end {
      let byte = bytes[unchecked: position]
      if byte == first || byte == second || byte == third { break }
      position += 1
    }
    return position
  }

  /// The first position whose byte is no tchar.
  static func endOfToken(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var position = start
    while position < end, ByteSet.token.contains(bytes[unchecked: position]) { position += 1 }
    return position
  }

  @inline(__always)
  private static func load(_ bytes: Span<UInt8>, at position: Int) -> UInt64 {
    UInt64(
      littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// The high bit of the lowest lane that is zero (and perhaps of lanes above it).
  @inline(__always)
  private static func zeroLanes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }
}

/// Bytes by their names in RFC 5234 appendix B.1.
extension UInt8 {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")

  @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
  @inline(__always) var isBlank: Bool { self == .space || self == .tab }
}

extension Span<UInt8> {
  /// Whether the bytes of `range` are `text`, which is in lower case, without regard to ASCII case.
  func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    let bytes = extracting(range)
    for offset in 0..<bytes.count {
      let byte = bytes[unchecked: offset]
      let wanted = text.utf8Start[offset]
      // Letters differ from their capitals in one bit.
      if byte != wanted, byte | 0x20 != wanted || byte &- UInt8(ascii: "A") >= 26 { return false }
    }
    return true
  }

  /// Whether these are the bytes of `other`.
  func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    var position = 0
    while position + 8 <= count {
      let left = bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      let right = other.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      if left != right { return false }
      position += 8
    }
    while position < count {
      if self[unchecked: position] != other[unchecked: position] { return false }
      position += 1
    }
    return true
  }

  /// Whether the bytes from `position` on begin with `text`, to the letter.
  func starts(at position: Int, _ text: StaticString) -> Bool {
    guard count - position >= text.utf8CodeUnitCount else { return false }
    let bytes = extracting(position...)
    for offset in 0..<text.utf8CodeUnitCount
    where bytes[unchecked: offset] != text.utf8Start[offset] {
      return false
    }
    return true
  }

  /// The bytes of `range` in an array of their own.
  func copy(_ range: Range<Int>) -> [UInt8] {
    extracting(range).withUnsafeBufferPointer { Array($0) }
  }
}

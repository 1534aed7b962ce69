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
    while true {
      // Mostly letters, with a hyphen here and there.
      while position + 8 <= end {
        let others = ~letters(load(bytes, at: position)) & highs
        position += others == 0 ? 8 : others.trailingZeroBitCount >> 3
        if others != 0 { break }
      }
      guard position < end, ByteSet.token.contains(bytes[unchecked: position]) else {
        return position
      }
      position += 1
    }
  }

  /// The first position whose byte is no letter, digit, `.` or `-`, what most hosts are made of; or
  /// where fewer than 8 bytes are left.
  static func endOfPlainHost(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    var position = start
    while position + 8 <= end {
      let word = load(bytes, at: position)
      let signs = lanes(word, from: 0x2D, to: 0x2E) | lanes(word, from: 0x30, to: 0x39)
      let others = ~(letters(word) | signs) & highs
      if others != 0 { return position + others.trailingZeroBitCount >> 3 }
      position += 8
    }
    return position
  }

  @inline(__always)
  private static func load(_ bytes: Span<UInt8>, at position: Int) -> UInt64 {
    UInt64(
      littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// The high bits of those lanes that are ASCII letters; other bits mean nothing.
  @inline(__always)
  private static func letters(_ word: UInt64) -> UInt64 {
    lanes(word | ones &* 0x20, from: 0x61, to: 0x7A)
  }

  /// The high bits of those lanes that lie between two ASCII bytes; other bits mean nothing.
  @inline(__always)
  private static func lanes(_ word: UInt64, from first: UInt64, to last: UInt64) -> UInt64 {
    let low = word & ~highs
    // No lane overflows: each is below 0x80, and so is what is added.
    return (low &+ ones &* (0x80 - first)) & ~(low &+ ones &* (0x7F - last)) & ~word
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
  /// Whether the bytes of `range`, none of them a control, are `text`, without regard to ASCII
  /// case.
  ///
  /// - Precondition: `text` is lower case letters, digits, `-`, `:` and `/`: each of them has the bit
  ///   that tells letters from their capitals, and is without it a capital or a control.
  func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    let bytes = extracting(range)
    let wanted = UnsafeRawPointer(text.utf8Start)
    var offset = 0
    while offset + 8 <= bytes.count {
      let word = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if word | 0x2020_2020_2020_2020
        != wanted.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      {
        return false
      }
      offset += 8
    }
    while offset < bytes.count {
      if bytes[unchecked: offset] | 0x20 != text.utf8Start[offset] { return false }
      offset += 1
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
    let length = text.utf8CodeUnitCount
    guard count - position >= length else { return false }
    return extracting(position..<position + length).equals(
      Span(_unsafeStart: text.utf8Start, count: length))
  }

  /// The bytes of `range` in an array of their own.
  func copy(_ range: Range<Int>) -> [UInt8] {
    extracting(range).withUnsafeBufferPointer { Array($0) }
  }
}

/// Finds the end of a run of bytes that a string may hold as they are: eight bytes at a time in a
/// `UInt64`. (SIMD16 was measured 14 times slower.)
@usableFromInline
enum ByteScan {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The first position from `start` on whose byte is a quote, a backslash or a control character; the
  /// end if none is. `isASCII` is true only if all before it is.
  static func endOfPlainText(
    _ bytes: Span<UInt8>, from start: Int
  ) -> (end: Int, isASCII: Bool) {
    var position = start
    var seen: UInt64 = 0
    let lastWordStart = bytes.count - 8
    while position <= lastWordStart {
      let word = bytes.bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: position, as: UInt64.self)
      seen |= word
      let plain = plainBytes(word)
      position &+= plain
      if plain < 8 { return (position, seen & highs == 0) }
    }
    while position < bytes.count, isPlain(bytes[unchecked: position]) {
      seen |= UInt64(bytes[unchecked: position])
      position &+= 1
    }
    return (position, seen & highs == 0)
  }

  /// Copies a text's bytes from `start` on, up to where `endOfPlainText` would end. `place` has room for
  /// them and for seven more, which are overwritten.
  ///
  /// - Returns: the end.
  static func copyPlainText(
    _ text: UnsafeRawBufferPointer, from start: Int, to place: UnsafeMutableRawPointer
  ) -> Int {
    let count = text.count
    var position = start
    while position &+ 8 <= count {
      let word = text.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      place.storeBytes(of: word, toByteOffset: position &- start, as: UInt64.self)
      let plain = plainBytes(word)
      position &+= plain
      if plain < 8 { return position }
    }
    guard position < count else { return count }
    let word = lastWord(text, from: position)
    place.storeBytes(of: word, toByteOffset: position &- start, as: UInt64.self)
    return position &+ plainBytes(word)
  }

  /// The bytes from `position` on, less than a word of them, with zeros behind.
  @inline(__always)
  private static func lastWord(_ text: UnsafeRawBufferPointer, from position: Int) -> UInt64 {
    func load<Word: FixedWidthInteger & BitwiseCopyable>(
      _ type: Word.Type, endingAt end: Int
    ) -> UInt64 {
      UInt64(
        truncatingIfNeeded: text.loadUnaligned(fromByteOffset: end - Word.bitWidth / 8, as: type))
    }
    let count = text.count
    switch count {
    case 8...: return load(UInt64.self, endingAt: count) >> ((8 - (count - position)) * 8)
    case 4...:
      let word = load(UInt32.self, endingAt: count) << ((count - 4) * 8)
      return (word | load(UInt32.self, endingAt: 4)) >> (position * 8)
    case 2...:
      let word = load(UInt16.self, endingAt: count) << ((count - 2) * 8)
      return (word | load(UInt16.self, endingAt: 2)) >> (position * 8)
    default: return load(UInt8.self, endingAt: 1)
    }
  }

  /// How many bytes in a row, from the lowest on, are neither a quote nor a backslash nor a control
  /// character. (Swift runs on little-endian machines only.)
  @inline(__always)
  private static func plainBytes(_ word: UInt64) -> Int {
    let quotes = zeroLanes(word ^ (ones &* 0x22))
    let backslashes = zeroLanes(word ^ (ones &* 0x5C))
    let controls = (word &- ones &* 0x20) & ~word
    // A borrow can only disturb lanes above the first hit, and only that one is used.
    return ((quotes | backslashes | controls) & highs).trailingZeroBitCount >> 3
  }

  /// Whether `wanted` stands at `position`, where there are as many bytes: by words that may overlap.
  @inlinable
  @inline(__always)
  static func isEqual(
    _ bytes: Span<UInt8>, _ position: Int, _ wanted: UnsafeRawBufferPointer
  ) -> Bool {
    func differs<Word: FixedWidthInteger & BitwiseCopyable>(
      _ type: Word.Type, at offset: Int
    ) -> Bool {
      bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position + offset, as: type)
        != wanted.loadUnaligned(fromByteOffset: offset, as: type)
    }
    let count = wanted.count
    switch count {
    case 8...:
      for offset in stride(from: 0, to: count - 8, by: 8) where differs(UInt64.self, at: offset) {
        return false
      }
      return !differs(UInt64.self, at: count - 8)
    case 4...: return !differs(UInt32.self, at: 0) && !differs(UInt32.self, at: count - 4)
    case 2...: return !differs(UInt16.self, at: 0) && !differs(UInt16.self, at: count - 2)
    case 1: return !differs(UInt8.self, at: 0)
    default: return true
    }
  }

  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// The high bit of the lowest lane that is zero (and perhaps of lanes above it).
  @inline(__always)
  private static func zeroLanes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }
}

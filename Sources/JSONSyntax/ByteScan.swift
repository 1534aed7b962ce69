/// Finds the end of a run of bytes that a string may hold as they are: eight bytes at a time in a
/// `UInt64`. (SIMD16 was measured 14 times slower.)
enum ByteScan {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The first position from `start` on whose byte is a quote, a backslash or a control character; the
  /// end if none is.
  static func endOfPlainText(_ bytes: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while position + 8 <= bytes.count {
      let word = UInt64(
        littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
      let quotes = zeroLanes(word ^ (ones &* 0x22))
      let backslashes = zeroLanes(word ^ (ones &* 0x5C))
      let controls = (word &- ones &* 0x20) & ~word
      // A borrow can only disturb lanes above the first hit, and only that one is used.
      let hits = (quotes | backslashes | controls) & highs
      if hits != 0 { return position + hits.trailingZeroBitCount >> 3 }
      position += 8
    }
    while position < bytes.count, isPlain(bytes[unchecked: position]) { position += 1 }
    return position
  }

  /// Whether `wanted` stands at `position`, where there are as many bytes: by words that may overlap.
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

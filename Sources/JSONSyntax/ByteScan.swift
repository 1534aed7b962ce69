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

  @inline(__always)
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// The high bit of the lowest lane that is zero (and perhaps of lanes above it).
  @inline(__always)
  private static func zeroLanes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }
}

/// A UUID as two words, big-endian: made as version 7 (RFC 9562 section 5.7), whose order is the
/// order of making to the millisecond.
package struct UUID128: Hashable, Comparable, Sendable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new version 7 UUID: 48 bits of Unix milliseconds, 74 random bits.
  package static func v7(at time: Timestamp = .now()) -> UUID128 {
    let milliseconds = UInt64(max(0, time.microseconds / 1000)) & 0xFFFF_FFFF_FFFF
    var random = BufferedRandom()
    return UUID128(
      high: milliseconds << 16 | 0x7000 | (random.next() & 0x0FFF),
      low: 0x8000_0000_0000_0000 | (random.next() >> 2))
  }

  package static func < (left: UUID128, right: UUID128) -> Bool {
    left.high == right.high ? left.low < right.low : left.high < right.high
  }
}

extension UUID128: LosslessStringConvertible {
  /// Reads the 36 characters of RFC 9562 section 4, letters of either case; nil for all else.
  package init?(_ text: String) {
    var words: (UInt64, UInt64) = (0, 0)
    var digits = 0
    var position = 0
    for byte in text.utf8 {
      defer { position += 1 }
      if position == 8 || position == 13 || position == 18 || position == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let value = hexValue(of: byte), digits < 32 else { return nil }
      if digits < 16 {
        words.0 = words.0 << 4 | UInt64(value)
      } else {
        words.1 = words.1 << 4 | UInt64(value)
      }
      digits += 1
    }
    guard position == 36, digits == 32 else { return nil }
    self.init(high: words.0, low: words.1)
  }

  /// Lower case, as RFC 9562 section 4 writes it.
  package var description: String {
    String(unsafeUninitializedCapacity: 36) { buffer in
      let text = UnsafeMutableRawBufferPointer(buffer)
      for hyphen in stride(from: 8, through: 23, by: 5) { text[hyphen] = UInt8(ascii: "-") }
      let middle = (hexDigits(of: high), hexDigits(of: low >> 32))
      text.storeBytes(of: hexDigits(of: high >> 32).bigEndian, as: UInt64.self)
      text.storeBytes(of: UInt32(middle.0 >> 32).bigEndian, toByteOffset: 9, as: UInt32.self)
      text.storeBytes(
        of: UInt32(truncatingIfNeeded: middle.0).bigEndian, toByteOffset: 14, as: UInt32.self)
      text.storeBytes(of: UInt32(middle.1 >> 32).bigEndian, toByteOffset: 19, as: UInt32.self)
      text.storeBytes(
        of: UInt32(truncatingIfNeeded: middle.1).bigEndian, toByteOffset: 24, as: UInt32.self)
      text.storeBytes(of: hexDigits(of: low).bigEndian, toByteOffset: 28, as: UInt64.self)
      return 36
    }
  }
}

/// The eight digits of a word's lower half, the first in the highest byte. All at once: a loop over the digits
/// was a fiftieth of a request, each of which has an id.
private func hexDigits(of word: UInt64) -> UInt64 {
  // Each digit to a byte of its own.
  var digits = word & 0xFFFF_FFFF
  digits = (digits << 16 | digits) & 0x0000_FFFF_0000_FFFF
  digits = (digits << 8 | digits) & 0x00FF_00FF_00FF_00FF
  digits = (digits << 4 | digits) & 0x0F0F_0F0F_0F0F_0F0F
  // 1 where it is 10 or more: letters come 39 behind the digits.
  let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
  return digits + 0x3030_3030_3030_3030 + letters * 39
}

extension UUID128: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = UUID128(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
    }
    self = value
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

private func hexValue(of byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

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
      var output = 0
      for position in 0..<32 {
        if position == 8 || position == 12 || position == 16 || position == 20 {
          buffer[output] = UInt8(ascii: "-")
          output += 1
        }
        let word = position < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - (position % 16) * 4)) & 0xF
        buffer[output] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        output += 1
      }
      return output
    }
  }
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

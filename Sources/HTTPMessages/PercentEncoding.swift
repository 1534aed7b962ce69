/// Percent escapes of RFC 3986 section 2.1.
package enum PercentEncoding {
  /// Replaces each escape by its byte, once.
  ///
  /// - Parameter plusIsSpace: for the values of a query (as forms write them), never for a path.
  /// - Returns: nil for a `%` without two hexadecimal digits, and for an escaped NUL.
  package static func decode(
    _ escaped: some Sequence<UInt8>, plusIsSpace: Bool = false
  ) -> [UInt8]? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(escaped.underestimatedCount)
    var bytes = escaped.makeIterator()
    while let byte = bytes.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = bytes.next().flatMap(hexadecimalDigit),
          let low = bytes.next().flatMap(hexadecimalDigit), high | low != 0
        else { return nil }
        decoded.append(high << 4 | low)
      case UInt8(ascii: "+") where plusIsSpace: decoded.append(UInt8(ascii: " "))
      default: decoded.append(byte)
      }
    }
    return decoded
  }

  /// One segment of a path, decoded.
  ///
  /// - Returns: nil for a bad escape, an escaped NUL, or bytes that are not UTF-8.
  package static func decode(segment: some Sequence<UInt8>) -> String? {
    decode(segment).flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Escapes all but unreserved characters (RFC 3986 section 2.3), a slash too.
  package static func encode(pathSegment text: String) -> String { encode(text) }

  /// Escapes all but unreserved characters, so that the text stands for itself in a name or a value.
  package static func encode(queryValue text: String) -> String { encode(text) }

  private static func encode(_ text: String) -> String {
    var escaped: [UInt8] = []
    for byte in text.utf8 {
      if isUnreserved(byte) {
        escaped.append(byte)
      } else {
        escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  /// ALPHA, DIGIT, `-`, `.`, `_` and `~` (RFC 3986 section 2.3).
  package static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  /// The value of one hexadecimal digit of either case; nil for another byte.
  package static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

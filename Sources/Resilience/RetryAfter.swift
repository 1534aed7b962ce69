/// Reads the value of a `Retry-After` field (RFC 9110 section 10.2.3).
package enum RetryAfter {
  /// Longer waits are cut to this, 68 years: no sum with it overflows.
  static let secondsMax: Int64 = 2_147_483_647

  /// How long to wait, or nil when the value is neither whole seconds nor an HTTP date.
  ///
  /// - Parameters:
  ///   - value: delta seconds, or a date in any of the three forms of RFC 9110 section 5.6.7.
  ///   - unixSeconds: the present, needed for dates only; a date that has passed means zero.
  package static func parse(_ value: String, now unixSeconds: Int64) -> Duration? {
    parse(bytes: value.utf8, now: unixSeconds)
  }

  /// As above, over any bytes.
  package static func parse(
    bytes: some Sequence<UInt8>, now unixSeconds: Int64
  ) -> Duration? {
    // No valid value is longer, however it is padded; the rest is not even looked at.
    let field = Array(bytes.prefix(128)).trimmed
    if let seconds = deltaSeconds(field) { return .seconds(seconds) }
    guard let date = HTTPDate.unixSeconds(field, now: unixSeconds) else { return nil }
    return .seconds(min(secondsMax, max(0, date.saturatingSubtract(unixSeconds))))
  }

  private static func deltaSeconds(_ field: ArraySlice<UInt8>) -> Int64? {
    guard !field.isEmpty else { return nil }
    var seconds: Int64 = 0
    for byte in field {
      guard let digit = byte.digit else { return nil }
      seconds = min(secondsMax, seconds * 10 + digit)
    }
    return seconds
  }
}

extension Array<UInt8> {
  fileprivate var trimmed: ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let start = self[...].drop(while: isSpace)
    return start.prefix(upTo: (start.lastIndex { !isSpace($0) }).map { $0 + 1 } ?? start.startIndex)
  }
}

extension UInt8 {
  /// The value of an ASCII digit.
  var digit: Int64? {
    (0x30...0x39).contains(self) ? Int64(self - 0x30) : nil
  }
}

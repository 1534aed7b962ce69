import Glibc
import HTTPMessages

/// `host [":" port]` of RFC 9110 section 7.2 and RFC 3986 section 3.2.2.
enum AuthorityRules {
  /// - Parameter needsHost: whether an empty host is wrong; in a Host field it is allowed.
  static func isAuthority(_ input: Span<UInt8>, _ range: Range<Int>, needsHost: Bool) -> Bool {
    if range.isEmpty { return !needsHost }
    var position = range.lowerBound
    if input[position] == UInt8(ascii: "[") {
      guard let end = endOfAddress(input, range) else { return false }
      position = end
    } else {
      guard let end = endOfName(input, range) else { return false }
      position = end
      if position == range.lowerBound, needsHost { return false }
    }
    return position == range.upperBound || isPort(input, position..<range.upperBound)
  }

  /// Behind a reg-name: at its colon or at the end; nil if another byte comes first.
  private static func endOfName(_ input: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var position = ByteScan.endOfPlainHost(input, from: range.lowerBound, to: range.upperBound)
    while position < range.upperBound {
      let byte = input[unchecked: position]
      if ByteSet.registeredName.contains(byte) {
        position += 1
      } else if byte == UInt8(ascii: ":") {
        break
      } else {
        guard byte == UInt8(ascii: "%"), position + 2 < range.upperBound,
          PercentEncoding.hexadecimalDigit(input[position + 1]) != nil,
          PercentEncoding.hexadecimalDigit(input[position + 2]) != nil
        else { return nil }
        position += 3
      }
    }
    return position
  }

  /// A colon and 1 to 5 digits, at most 65535.
  private static func isPort(_ input: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard input[range.lowerBound] == UInt8(ascii: ":"), range.count >= 2, range.count <= 6 else {
      return false
    }
    let digits = input.extracting(range).extracting(1...)
    var port = 0
    for index in 0..<digits.count {
      let digit = digits[unchecked: index] &- UInt8(ascii: "0")
      guard digit < 10 else { return false }
      port = port &* 10 &+ Int(digit)
    }
    return port <= 65535
  }

  /// Behind the `]` of a bracketed IPv6 address; nil if it is none. Zones and later versions are not
  /// served.
  private static func endOfAddress(_ input: Span<UInt8>, _ range: Range<Int>) -> Int? {
    for position in range where input[position] == UInt8(ascii: "]") {
      let text = String(
        decoding: input.copy(range.lowerBound + 1..<position), as: UTF8.self)
      var address = in6_addr()
      return inet_pton(AF_INET6, text, &address) == 1 ? position + 1 : nil
    }
    return nil
  }
}

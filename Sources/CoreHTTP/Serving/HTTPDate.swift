import Glibc

/// The present in IMF-fixdate (RFC 9110 section 5.6.7), rendered anew when its second has passed.
struct HTTPDate {
  /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` with its CRLF.
  private(set) var line: [UInt8] = []
  private var second = time_t.min

  init() {
    refresh()
  }

  /// - Returns: whether the line is another one now.
  @discardableResult
  mutating func refresh() -> Bool {
    let present = time(nil)
    guard present != second else { return false }
    second = present
    line = Array("Date: \(Self.text(secondsSince1970: present))\r\n".utf8)
    return true
  }

  /// An instant in IMF-fixdate.
  static func text(secondsSince1970: time_t) -> String {
    var seconds = secondsSince1970
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let date = [
      days[Int(parts.tm_wday)] + ",", padded(parts.tm_mday), months[Int(parts.tm_mon)],
      String(parts.tm_year + 1900),
      [padded(parts.tm_hour), padded(parts.tm_min), padded(parts.tm_sec)].joined(separator: ":"),
      "GMT",
    ]
    return date.joined(separator: " ")
  }

  private static func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

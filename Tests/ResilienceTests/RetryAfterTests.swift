import Testing

@testable import Resilience

@Suite("Retry-After")
struct RetryAfterTests {
  /// Sun, 06 Nov 1994 08:49:37 GMT.
  static let then: Int64 = 784_111_777

  @Test(
    "seconds and the three forms of dates are understood",
    arguments: [
      ("0", 0), ("120", 120), (" 7\t", 7), ("007", 7), ("99999999999999999999999", 2_147_483_647),
      ("Sun, 06 Nov 1994 08:49:37 GMT", 100), ("Sunday, 06-Nov-94 08:49:37 GMT", 100),
      ("Sun Nov  6 08:49:37 1994", 100), ("Sun, 06 Nov 1994 08:47:00 GMT", 0),
      ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:60 GMT", 2_147_483_647),
      ("Tue, 29 Feb 2000 00:00:00 GMT", 167_670_723),
    ])
  func understood(value: String, seconds: Int64) {
    #expect(RetryAfter.parse(value, now: Self.then - 100) == .seconds(seconds))
  }

  @Test(
    "anything else is ignored",
    arguments: [
      "", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "12 13", "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Nov 1994 08:49:37 GMT",
      "Tue, 29 Feb 1900 00:00:00 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
      "Xyz, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "1\u{0}", "１２",
    ])
  func ignored(value: String) {
    #expect(RetryAfter.parse(value, now: Self.then) == nil)
  }

  @Test("a two-digit year that seems more than 50 years ahead lies in the past")
  func century() {
    #expect(
      RetryAfter.parse("Sunday, 06-Nov-94 08:49:37 GMT", now: 1_800_000_000) == .zero)
    #expect(
      RetryAfter.parse("Friday, 06-Nov-37 08:49:37 GMT", now: 1_800_000_000)
        == .seconds(2_141_110_177 - 1_800_000_000))
  }

  @Test("any bytes at any time give nil or a bounded, non-negative wait")
  func isTotal() {
    let alphabet =
      Array(
        "0123456789 ,:-+.GMTSunMonTueWedJanFebMarSunday\u{0}\u{7f}é".utf8) + [0x80, 0xFF, 0x09]
    expectNoFault(cases: 3_000) { random in
      (0..<random.int(0...60)).map { _ in
        random.chance(95) ? random.pick(alphabet) : UInt8.random(in: 0...255, using: &random)
      }
    } fault: { bytes, seed in
      for now in [0, Self.then, .min, .max, Int64(truncatingIfNeeded: seed &* 0x9E37_79B9_7F4A)] {
        guard let wait = RetryAfter.parse(bytes: bytes, now: now) else { continue }
        if wait < .zero || wait > .seconds(RetryAfter.secondsMax) { return "waits \(wait)" }
      }
      return nil
    }
  }

  @Test("dates written from seconds are read back, and damaged ones never trap")
  func roundTrip() {
    expectNoFault(cases: 1_000) { random in
      [Int64.random(in: 0...4_000_000_000, using: &random)]
    } fault: { steps, seed in
      guard let date = steps.first else { return nil }
      for form in [imfDate(date), asctimeDate(date)] {
        let wait = RetryAfter.parse(form, now: date - 5)
        if wait != .seconds(5) { return "\(form) is \(wait as Any)" }
        var damaged = Array(form.utf8)
        damaged[Int(seed) % damaged.count] = UInt8(truncatingIfNeeded: seed)
        _ = RetryAfter.parse(bytes: damaged, now: date)
      }
      return nil
    }
  }
}

private let months = [
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
]
private let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

/// Year, month from 1, day, by counting days one year and month at a time.
private func civil(_ seconds: Int64) -> (year: Int64, month: Int, day: Int64) {
  var day = seconds / 86_400
  var year: Int64 = 1970
  func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
  while day >= (isLeap(year) ? 366 : 365) {
    day -= isLeap(year) ? 366 : 365
    year += 1
  }
  var month = 1
  for length: Int64 in [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
    guard day >= length else { break }
    day -= length
    month += 1
  }
  return (year, month, day + 1)
}

private func padded(_ number: Int64, _ digits: Int = 2, with filler: String = "0") -> String {
  let text = String(number)
  return String(repeating: filler, count: max(0, digits - text.count)) + text
}

private func clockTime(_ seconds: Int64) -> String {
  let time = seconds % 86_400
  return "\(padded(time / 3_600)):\(padded(time / 60 % 60)):\(padded(time % 60))"
}

private func imfDate(_ seconds: Int64) -> String {
  let (year, month, day) = civil(seconds)
  let name = days[Int(seconds / 86_400 % 7)]
  return "\(name), \(padded(day)) \(months[month - 1]) \(padded(year, 4)) \(clockTime(seconds)) GMT"
}

private func asctimeDate(_ seconds: Int64) -> String {
  let (year, month, day) = civil(seconds)
  let name = days[Int(seconds / 86_400 % 7)]
  return
    "\(name) \(months[month - 1]) \(padded(day, 2, with: " ")) \(clockTime(seconds)) \(padded(year, 4))"
}

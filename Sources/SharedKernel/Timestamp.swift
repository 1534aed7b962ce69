package import Foundation

/// A point in time as PostgreSQL keeps it: microseconds since 1970, UTC. Written as RFC 3339 with
/// milliseconds.
package struct Timestamp: Hashable, Comparable, Sendable {
  package let microseconds: Int64

  package init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  package static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  package var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

  /// Whole seconds since 1970, rounded down.
  package var seconds: Int64 {
    microseconds >= 0 ? microseconds / 1_000_000 : -((-microseconds + 999_999) / 1_000_000)
  }

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }

  package static func + (time: Timestamp, duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    return Timestamp(
      microseconds: time.microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
  }
}

extension Timestamp: LosslessStringConvertible {
  /// `2026-11-22T10:15:30.123Z`; further digits are cut.
  package var description: String {
    withUTF8 { text in text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
  }

  /// Lends the bytes of `description`, for those who need no `String`.
  package func withUTF8<Value>(_ body: (Span<UInt8>) -> Value) -> Value {
    let days = floorDivide(seconds, 86_400)
    let day = civilDate(fromDays: days)
    let second = Int(seconds - days * 86_400)
    let fraction = Int(microseconds - seconds * 1_000_000)
    // A year has six digits at most, and then a sign: Int64 ends in the year 294,247.
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { buffer in
      var text = DigitWriter(buffer)
      text.writeYear(day.year)
      text.write("-", day.month)
      text.write("-", day.day)
      text.write("T", second / 3600)
      text.write(":", second / 60 % 60)
      text.write(":", second % 60)
      text.write(".", fraction / 10_000)
      text.write(UInt8(truncatingIfNeeded: fraction / 1000 % 10) + UInt8(ascii: "0"))
      text.write(UInt8(ascii: "Z"))
      return body(UnsafeBufferPointer(rebasing: buffer[..<text.count]).span)
    }
  }

  /// Reads RFC 3339 with `Z` or a numeric offset and up to nine digits of a second's fraction (those
  /// past the sixth are dropped); nil for all else, a leap second included.
  package init?(_ text: String) {
    var scanner = DigitScanner(text)
    guard let year = scanner.number(digits: 4), scanner.skip("-"),
      let month = scanner.number(digits: 2), scanner.skip("-"),
      let day = scanner.number(digits: 2), scanner.skip("T") || scanner.skip("t"),
      let hour = scanner.number(digits: 2), scanner.skip(":"),
      let minute = scanner.number(digits: 2), scanner.skip(":"),
      let second = scanner.number(digits: 2),
      (1...12).contains(month), hour < 24, minute < 60, second < 60,
      day >= 1, day <= daysInMonth(month, year: year)
    else { return nil }
    var fraction: Int64 = 0
    if scanner.skip(".") {
      guard let read = scanner.fraction() else { return nil }
      fraction = read
    }
    guard let offsetMinutes = scanner.offset(), scanner.isAtEnd else { return nil }
    let days = daysFromCivil(year: year, month: month, day: day)
    let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second - offsetMinutes * 60)
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }
}

extension Timestamp: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let value = Timestamp(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not an RFC 3339 time")
    }
    self = value
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// Writes the parts of a time.
private struct DigitWriter {
  private let bytes: UnsafeMutablePointer<UInt8>
  private(set) var count = 0

  /// - Parameter buffer: with room for all that will be written.
  init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
    bytes = buffer.baseAddress!
  }

  mutating func write(_ byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  /// `separator`, and a number of two digits.
  mutating func write(_ separator: Unicode.Scalar, _ value: Int) {
    let value = UInt8(truncatingIfNeeded: value)
    write(UInt8(truncatingIfNeeded: separator.value))
    write(UInt8(ascii: "0") + value / 10)
    write(UInt8(ascii: "0") + value % 10)
  }

  /// Four digits or more, zeros ahead.
  mutating func writeYear(_ year: Int) {
    if year < 0 { write(UInt8(ascii: "-")) }
    let digits = String(year.magnitude).utf8
    for _ in 0..<max(0, 4 - digits.count) { write(UInt8(ascii: "0")) }
    for digit in digits { write(digit) }
  }
}

/// Reads the fixed parts of a time from its bytes.
private struct DigitScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) {
    bytes = Array(text.utf8)
  }

  var isAtEnd: Bool { position == bytes.count }

  mutating func number(digits: Int) -> Int? {
    guard position + digits <= bytes.count else { return nil }
    var value = 0
    for byte in bytes[position..<position + digits] {
      guard (48...57).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 48)
    }
    position += digits
    return value
  }

  mutating func skip(_ character: Character) -> Bool {
    guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
    position += 1
    return true
  }

  /// One to nine digits, as microseconds.
  mutating func fraction() -> Int64? {
    var value: Int64 = 0
    var count = 0
    while position < bytes.count, (48...57).contains(bytes[position]), count < 9 {
      if count < 6 { value = value * 10 + Int64(bytes[position] - 48) }
      count += 1
      position += 1
    }
    guard count > 0 else { return nil }
    for _ in min(count, 6)..<6 { value *= 10 }
    return value
  }

  /// Minutes east of UTC.
  mutating func offset() -> Int? {
    if skip("Z") || skip("z") { return 0 }
    let sign: Int
    if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
    guard let hours = number(digits: 2), skip(":"), let minutes = number(digits: 2),
      hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 60 + minutes)
  }
}

// Days and dates of the proleptic Gregorian calendar, by Howard Hinnant's "chrono-Compatible
// Low-Level Date Algorithms": years begin in March, eras last 400 years (146,097 days).

private func daysFromCivil(year: Int, month: Int, day: Int) -> Int64 {
  let shifted = Int64(month <= 2 ? year - 1 : year)
  let era = floorDivide(shifted, 400)
  let yearOfEra = shifted - era * 400
  let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

private func civilDate(fromDays days: Int64) -> (year: Int, month: Int, day: Int) {
  let shifted = days + 719_468
  let era = floorDivide(shifted, 146_097)
  let dayOfEra = shifted - era * 146_097
  let yearOfEra =
    (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthIndex = (5 * dayOfYear + 2) / 153
  let month = Int(monthIndex < 10 ? monthIndex + 3 : monthIndex - 9)
  return (
    year: Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0),
    month: month, day: Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1)
  )
}

private func daysInMonth(_ month: Int, year: Int) -> Int {
  switch month {
  case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  case 4, 6, 9, 11: 30
  default: 31
  }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let quotient = value / divisor
  return value % divisor < 0 ? quotient - 1 : quotient
}

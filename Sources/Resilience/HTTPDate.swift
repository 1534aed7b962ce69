/// Reads HTTP dates (RFC 9110 section 5.6.7), all three forms, without Foundation.
enum HTTPDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  private static let days = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]

  /// Seconds since 1970, or nil for anything that is no date. The day's name is not compared with
  /// the date.
  ///
  /// - Parameter now: seconds since 1970, to find the century of a two-digit year.
  static func unixSeconds(_ bytes: ArraySlice<UInt8>, now: Int64) -> Int64? {
    let parts = bytes.split(whereSeparator: { $0 == 0x20 || $0 == 0x2C || $0 == 0x2D })
    guard let dayName = parts.first.map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
    let isShort = days.contains { $0.prefix(3) == dayName[...] }
    guard isShort || days.contains(dayName) else { return nil }
    // Sun Nov  6 08:49:37 1994 | Sun, 06 Nov 1994 08:49:37 GMT | Sunday, 06-Nov-94 08:49:37 GMT
    let isASCTime = isShort && parts.count == 5
    guard isASCTime || (parts.count == 6 && parts[5].elementsEqual("GMT".utf8)) else { return nil }
    let (dayPart, monthPart, timePart, yearPart) =
      isASCTime
      ? (parts[2], parts[1], parts[3], parts[4]) : (parts[1], parts[2], parts[4], parts[3])
    guard let day = number(dayPart, digits: isASCTime ? 1...2 : 2...2),
      let month = months.firstIndex(where: { monthPart.elementsEqual($0.utf8) }),
      let time = secondsOfDay(timePart),
      let year = isShort
        ? number(yearPart, digits: 4...4)
        : number(yearPart, digits: 2...2).map({ fullYear($0, now: now) }),
      day >= 1, day <= daysIn(month: month + 1, year: year)
    else { return nil }
    return dayNumber(year: year, month: Int64(month + 1), day: day) * 86_400 + time
  }

  /// RFC 9110: a two-digit year that seems more than 50 years ahead lies in the past.
  private static func fullYear(_ twoDigits: Int64, now: Int64) -> Int64 {
    let thisYear = 1970 + min(8_000, max(-1_970, now / 31_556_952))
    let year = thisYear / 100 * 100 + twoDigits
    return year > thisYear + 50 ? year - 100 : year
  }

  private static func secondsOfDay(_ part: ArraySlice<UInt8>) -> Int64? {
    let numbers = part.split(separator: 0x3A, omittingEmptySubsequences: false)
    guard numbers.count == 3,
      let hour = number(numbers[0], digits: 2...2), hour < 24,
      let minute = number(numbers[1], digits: 2...2), minute < 60,
      // 60 is a leap second.
      let second = number(numbers[2], digits: 2...2), second <= 60
    else { return nil }
    return hour * 3_600 + minute * 60 + second
  }

  private static func number(_ part: ArraySlice<UInt8>, digits: ClosedRange<Int>) -> Int64? {
    guard digits.contains(part.count) else { return nil }
    var number: Int64 = 0
    for byte in part {
      guard let digit = byte.digit else { return nil }
      number = number * 10 + digit
    }
    return number
  }

  private static func daysIn(month: Int, year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  /// Days since 1970 in the proleptic Gregorian calendar, by the years that begin in March.
  private static func dayNumber(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month > 2 ? year : year - 1
    let era = shifted.floorDivided(by: 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

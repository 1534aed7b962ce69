import Foundation
import SharedKernel
import Testing

@Suite("Timestamps")
struct TimestampTests {
  /// From the year 0000 to the end of 9999.
  private static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  @Test("a time is read back to the millisecond from the text it was written as")
  func roundTrip() throws {
    var random = SeededRandom(seed: 4)
    for _ in 0..<2000 {
      let milliseconds = Int64.random(in: Self.range, using: &random)
      let time = Timestamp(microseconds: milliseconds * 1000)
      #expect(Timestamp(time.description) == time)
    }
  }

  @Test("further digits are cut, before 1970 as after", arguments: [0, 999] as [Int64])
  func cut(rest: Int64) {
    #expect(Timestamp(microseconds: 1_000 + rest).description == "1970-01-01T00:00:00.001Z")
    #expect(Timestamp(microseconds: -1_000 + rest).description == "1969-12-31T23:59:59.999Z")
  }

  @Test("the calendar is the one that Foundation keeps")
  func calendar() {
    // Foundation's calendar is Julian before 1582, ours is not.
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      let seconds = Int64.random(in: -10_000_000_000...250_000_000_000, using: &random)
      let date = Date(timeIntervalSince1970: Double(seconds))
      let text = date.formatted(.iso8601)
      #expect(Timestamp(text)?.seconds == seconds)
      #expect(
        Timestamp(microseconds: seconds * 1_000_000).description
          == text.replacing("Z", with: ".000Z"))
    }
  }

  @Test(
    "known times are read",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1),
      ("1969-12-31T23:59:59.999999Z", -1), ("2000-02-29T00:00:00Z", 951_782_400_000_000),
      ("2026-11-22T10:15:30.123Z", 1_795_342_530_123_000),
      ("2026-11-22t10:15:30.5z", 1_795_342_530_500_000),
      ("2026-11-22T10:15:30.123456789Z", 1_795_342_530_123_456),
      ("2026-11-22T12:15:30+02:00", 1_795_342_530_000_000),
      ("2026-11-22T04:45:30-05:30", 1_795_342_530_000_000),
      ("2026-11-23T09:14:30+22:59", 1_795_342_530_000_000),
      ("2026-11-22T10:15:30-00:00", 1_795_342_530_000_000),
    ] as [(String, Int64)])
  func known(text: String, microseconds: Int64) {
    #expect(Timestamp(text)?.microseconds == microseconds)
  }

  @Test(
    "what is no time of RFC 3339 is refused",
    arguments: [
      "", "2026", "2026-11-22", "2026-11-22T10:15:30", "2026-11-22 10:15:30Z",
      "2026-11-22T10:15Z", "2026-11-22T10:15:30.Z", "2026-11-22T10:15:30.1234567890Z",
      "2026-11-22T10:15:30,5Z", "2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z",
      "2026-12-31T23:59:60Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
      "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
      "2026-11-00T00:00:00Z", "2026-11-22T10:15:30+2:00", "2026-11-22T10:15:30+0200",
      "2026-11-22T10:15:30+24:00", "2026-11-22T10:15:30+02:60", "2026-11-22T10:15:30ZZ",
      "2026-11-22T10:15:30Z ", " 2026-11-22T10:15:30Z", "+2026-11-22T10:15:30Z",
      "-026-11-22T10:15:30Z", "٢٠٢٦-11-22T10:15:30Z",
    ])
  func refused(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test("no beginning of a good time is a time")
  func prefixes() {
    let text = "2026-11-22T10:15:30.123+01:00"
    for length in 0..<text.count { #expect(Timestamp(String(text.prefix(length))) == nil) }
    #expect(Timestamp(text) != nil)
  }

  @Test("a duration moves a time in either direction")
  func adding() {
    let time = Timestamp(microseconds: 0)
    #expect((time + .microseconds(1_500_000)).microseconds == 1_500_000)
    #expect((time + .milliseconds(-1)).microseconds == -1000)
    #expect(time < time + .microseconds(1))
    #expect(Timestamp(microseconds: -1).seconds == -1)
    #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
    #expect(Timestamp(microseconds: 999_999).seconds == 0)
  }
}

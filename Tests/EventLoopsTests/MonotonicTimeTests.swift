import EventLoops
import Testing

@Suite struct MonotonicTimeTests {
  @Test("time goes on and differences are durations")
  func arithmetic() {
    let start = MonotonicTime.now()
    #expect(MonotonicTime.now() >= start)
    #expect((start + .seconds(2)) - start == .seconds(2))
    #expect(start + .milliseconds(-1) < start)
  }

  @Test("sums stop at the ends of time instead of trapping")
  func saturation() {
    let end = MonotonicTime(nanoseconds: .max)
    #expect(end + .seconds(1) == end)
    #expect(MonotonicTime(nanoseconds: .min) + .seconds(-1) == MonotonicTime(nanoseconds: .min))
    #expect(MonotonicTime(nanoseconds: 0) + .seconds(Int64.max) == end)
    #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    #expect(Duration.seconds(Int64.min / 4).wholeNanoseconds == .min)
    #expect(Duration.nanoseconds(7).wholeNanoseconds == 7)
  }
}

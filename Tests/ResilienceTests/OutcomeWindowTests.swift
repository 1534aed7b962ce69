import Testing

@testable import Resilience

@Suite("windows")
struct OutcomeWindowTests {
  typealias Step = (failed: Bool, slow: Bool, after: Int64)

  static func steps(_ random: inout SeededRNG) -> [Step] {
    (0..<random.int(0...200)).map { _ in
      (
        random.chance(50), random.chance(30),
        random.pick([0, 0, 1, 7, 99, 100, 101, 950, 1_000, 100_000])
      )
    }
  }

  @Test("a count window holds exactly the last results")
  func countWindow() {
    expectNoFault(generate: Self.steps) { steps, seed in
      let size = Int(seed % 70) + 1
      var window = CountWindow(size: size)
      for (index, step) in steps.enumerated() {
        window.record(failed: step.failed, slow: step.slow)
        let suffix = steps[...index].suffix(size)
        let expected = WindowCounts(
          recorded: suffix.count, failed: suffix.filter(\.failed).count,
          slow: suffix.filter(\.slow).count)
        if window.counts != expected { return "\(window.counts), not \(expected)" }
      }
      window.clear()
      return window.counts == WindowCounts() ? nil : "not empty after clearing"
    }
  }

  @Test("a cleared count window forgets what its bits still say")
  func clearedCountWindow() {
    var window = CountWindow(size: 3)
    for _ in 0..<3 { window.record(failed: true, slow: true) }
    window.clear()
    for _ in 0..<5 { window.record(failed: false, slow: false) }
    #expect(window.counts == WindowCounts(recorded: 3, failed: 0, slow: 0))
  }

  @Test("a time window holds exactly the results of its last buckets, through gaps and standstill")
  func timeWindow() {
    expectNoFault(generate: Self.steps) { steps, seed in
      let buckets = Int(seed % 12) + 1
      let width: Int64 = 100
      var window = TimeWindow(bucketWidth: width, buckets: buckets)
      var log: [(instant: Int64, step: Step)] = []
      // Some start before zero: a clock owes nobody a positive start.
      var now: Int64 = seed % 2 == 0 ? -5_000 : 12_345
      for step in steps {
        now += step.after
        window.moveOn(to: now)
        log.append((now, step))
        window.record(failed: step.failed, slow: step.slow, at: now)
        let oldest = now.floorDivided(by: width) - Int64(buckets)
        let live = log.filter { $0.instant.floorDivided(by: width) > oldest }
        let expected = WindowCounts(
          recorded: live.count, failed: live.filter(\.step.failed).count,
          slow: live.filter(\.step.slow).count)
        if window.counts != expected { return "\(window.counts), not \(expected)" }
      }
      return nil
    }
  }

  @Test("a result read from the clock a moment before another's is filed with it")
  func backwards() {
    var window = TimeWindow(bucketWidth: 100, buckets: 2)
    window.record(failed: false, slow: false, at: 250)
    window.record(failed: true, slow: false, at: 199)
    #expect(window.counts == WindowCounts(recorded: 2, failed: 1, slow: 0))
    window.moveOn(to: 400)
    #expect(window.counts == WindowCounts())
  }
}

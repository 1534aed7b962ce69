import Testing

@testable import shopctl

struct LatencyHistogramTests {
  @Test("every duration is known to less than 1.6 % of itself, from nanoseconds to a month")
  func precision() {
    var random = SeededRandom(seed: 1)
    for bits in 0..<52 {
      for _ in 0..<20 {
        let nanoseconds = Int64(UInt64.random(in: 0...(1 << UInt64(bits)), using: &random))
        var histogram = LatencyHistogram()
        histogram.record(.nanoseconds(nanoseconds))
        // Not limited by the largest, which is the same one.
        histogram.record(.seconds(1 << 28))
        let value = histogram.value(at: 0.5) / .nanoseconds(1)
        #expect(value >= Double(nanoseconds))
        #expect(value <= Double(nanoseconds) * (1 + 1.0 / 64))
      }
    }
  }

  @Test("quantiles are those of the sorted list")
  func quantiles() {
    var random = SeededRandom(seed: 2)
    var histogram = LatencyHistogram()
    var list: [Int64] = []
    for _ in 0..<10_000 {
      let microseconds = Int64.random(
        in: 1...(1 << Int64.random(in: 1...24, using: &random)), using: &random)
      list.append(microseconds)
      histogram.record(.microseconds(microseconds))
    }
    list.sort()
    for quantile in [0.001, 0.5, 0.9, 0.99, 0.999, 1] {
      let exact = Double(list[max(0, Int((quantile * 10_000).rounded(.up)) - 1)])
      let value = histogram.value(at: quantile) / .microseconds(1)
      #expect(value >= exact && value <= exact * (1 + 1.0 / 64) + 0.001)
    }
    #expect(histogram.value(at: 1) == histogram.max)
  }

  @Test("added together, two are as one; of none all is zero; a negative duration is none")
  func edges() {
    var one = LatencyHistogram()
    #expect(one.value(at: 0.99) == .zero)
    #expect(one.mean == .zero)
    one.record(.seconds(-1))
    #expect(one.max == .zero)
    var other = LatencyHistogram()
    other.record(.milliseconds(3))
    other.record(.seconds(1 << 40))
    one.add(other)
    #expect(one.count == 3)
    #expect(one.max == .seconds(1 << 40))
    #expect(one.value(at: 0.5) >= .milliseconds(3))
  }
}

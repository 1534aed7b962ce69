import SharedKernel
import Testing

@Suite("Random numbers taken by the page")
struct BufferedRandomTests {
  @Test("no number comes twice, whoever takes them at the same time")
  func distinct() async {
    let takers = 8
    let each = 2_000  // more than 60 pages for each
    let numbers = await withTaskGroup(of: [UInt64].self) { group in
      for _ in 0..<takers {
        group.addTask {
          var random = BufferedRandom()
          return (0..<each).map { _ in random.next() }
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(Set(numbers).count == takers * each)
  }

  @Test("each bit is set about as often as not")
  func bits() {
    var random = BufferedRandom()
    var counts = Array(repeating: 0, count: 64)
    let total = 10_000
    for _ in 0..<total {
      let number = random.next()
      for bit in 0..<64 where number >> UInt64(bit) & 1 == 1 { counts[bit] += 1 }
    }
    // Half of them, give or take eight standard deviations (50 each).
    for count in counts { #expect(abs(count - total / 2) < 400) }
  }
}

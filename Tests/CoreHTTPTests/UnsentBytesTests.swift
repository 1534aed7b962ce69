import Testing

@testable import CoreHTTP

@Suite struct UnsentBytesTests {
  @Test("bytes leave in the order they came, in whatever portions")
  func order() {
    var unsent = UnsentBytes()
    var random = SplitMix(state: 11)
    var came = 0
    var left = 0
    for _ in 0..<2000 {
      let more = (0..<Int(random.next() % 50)).map { UInt8(truncatingIfNeeded: came + $0) }
      more.withUnsafeBufferPointer { unsent.append($0) }
      came += more.count
      #expect(unsent.count == came - left)
      let portion = Int(random.next() % UInt64(unsent.count + 1))
      let isRight = unsent.withBytes { bytes in
        (0..<portion).allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: left + $0) }
      }
      #expect(isRight)
      unsent.removeFirst(portion)
      left += portion
      #expect(unsent.isEmpty == (came == left))
    }
    unsent.removeAll()
    #expect(unsent.isEmpty && unsent.count == 0)
  }
}

import Testing

@testable import CoreHTTP

@Suite struct ByteQueueTests {
  @Test("bytes leave in the order they came, in whatever portions")
  func order() {
    var queue = ByteQueue()
    var random = SplitMix(state: 11)
    var came = 0
    var left = 0
    for _ in 0..<2000 {
      let more = (0..<Int(random.next() % 50)).map { UInt8(truncatingIfNeeded: came + $0) }
      more.withUnsafeBufferPointer { queue.append($0) }
      came += more.count
      #expect(queue.count == came - left)
      let portion = Int(random.next() % UInt64(queue.count + 1))
      let isRight = queue.withBytes { bytes in
        (0..<portion).allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: left + $0) }
      }
      #expect(isRight)
      queue.removeFirst(portion)
      left += portion
      #expect(queue.isEmpty == (came == left))
    }
    queue.removeAll()
    #expect(queue.isEmpty && queue.count == 0)
  }

  @Test("what is taken is what was left, and leaves nothing")
  func taking() {
    var queue = ByteQueue()
    Array("abc".utf8).withUnsafeBufferPointer { queue.append($0) }
    queue.removeFirst(1)
    let taken = queue.take()
    let text = taken.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    #expect(text == "bc")
    #expect(queue.isEmpty)
  }
}

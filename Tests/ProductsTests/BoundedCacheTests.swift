import Testing

@testable import Products

@Suite("A bounded cache")
struct BoundedCacheTests {
  private let now = ContinuousClock.now

  @Test("what is asked for stays, the rest goes, and the bytes are bounded")
  func bounded() {
    var cache = BoundedCache<Int>(bytesMax: 1000)
    for key in 0..<1000 {
      cache.insert(key, for: key, bytes: 10, until: now + .seconds(60))
      #expect(cache.value(for: 0, at: now) == 0)
      #expect(cache.value(for: key, at: now) == key)
      #expect(cache.count <= 100)
    }
    #expect(cache.value(for: 500, at: now) == nil)
    #expect(cache.count > 50)
  }

  @Test("a value that takes another's place takes its bytes too")
  func replaced() {
    var cache = BoundedCache<Int>(bytesMax: 100)
    cache.insert(-1, for: -1, bytes: 10, until: now + .seconds(60))
    for value in 0..<100 { cache.insert(value, for: 1, bytes: 10, until: now + .seconds(60)) }
    #expect(cache.value(for: 1, at: now) == 99)
    #expect(cache.value(for: -1, at: now) == -1)
  }

  @Test("a value's time ends")
  func ends() {
    var cache = BoundedCache<Int>(bytesMax: 100)
    cache.insert(1, for: 1, bytes: 10, until: now + .seconds(60))
    #expect(cache.value(for: 1, at: now + .seconds(59)) == 1)
    #expect(cache.value(for: 1, at: now + .seconds(60)) == nil)
  }

  @Test("what does not fit is not kept")
  func tooLarge() {
    var cache = BoundedCache<Int>(bytesMax: 100)
    cache.insert(1, for: 1, bytes: 51, until: now + .seconds(60))
    #expect(cache.value(for: 1, at: now) == nil)
    var none = BoundedCache<Int>(bytesMax: 0)
    none.insert(1, for: 1, bytes: 1, until: now + .seconds(60))
    #expect(none.count == 0)
  }
}

import Testing

@testable import Products

@Suite("A bounded cache")
struct BoundedCacheTests {
  private let bytes: [UInt8] = Array("0123456789".utf8)

  private func value(_ key: Int, of cache: inout BoundedCache<Int>) -> String? {
    cache.withEntry(key) { "\($0) \(String(decoding: $1, as: UTF8.self))" }
  }

  @Test(
    "what is asked for stays, the rest goes, and the bytes are bounded", arguments: [10, 25, 1000])
  func bounded(pieceBytes: Int) {
    var cache = BoundedCache<Int>(bytesMax: 20_000, pieceBytes: pieceBytes)
    var most = 0
    for key in 0..<1000 {
      cache.insert(bytes, -key, for: key)
      #expect(value(0, of: &cache) == "0 0123456789")
      #expect(value(key, of: &cache) == "\(-key) 0123456789")
      most = max(most, cache.count)
    }
    // An entry takes 40 bytes for its key and place in the index, twice, and 10 for what is there.
    #expect((50...222).contains(most))
    #expect(value(500, of: &cache) == nil)
  }

  @Test("a later value takes the earlier one's place")
  func replaced() {
    var cache = BoundedCache<Int>(bytesMax: 20_000)
    for about in 0..<1000 {
      cache.insert(Array("\(about)".utf8), about, for: 1)
      #expect(value(1, of: &cache) == "\(about) \(about)")
      #expect(cache.count == 1)
    }
  }

  @Test("what is removed is gone, from where it was asked for and from where it was not")
  func removed() {
    var cache = BoundedCache<Int>(bytesMax: 20_000)
    for key in 0..<160 { cache.insert(bytes, key, for: key) }
    // 0 is in both generations, 1 in the elder one, 159 in the younger one.
    #expect(value(0, of: &cache) != nil)
    for key in [0, 1, 159] {
      cache.remove(key)
      #expect(value(key, of: &cache) == nil)
    }
    #expect(value(2, of: &cache) == "2 0123456789")
  }

  @Test("what does not fit is not kept")
  func tooLarge() {
    var cache = BoundedCache<Int>(bytesMax: 20_000, pieceBytes: 9)
    cache.insert(bytes, 1, for: 1)
    #expect(cache.count == 0)
    var none = BoundedCache<Int>(bytesMax: 0)
    none.insert(bytes, 1, for: 1)
    #expect(none.count == 0)
  }
}

import Testing

@testable import Products

@Suite("What is kept of the catalogue")
struct CatalogueCacheTests {
  private let cache = CatalogueCache(bytesMax: 1 << 20)
  private let view = CatalogueCache.View(currency: "USD")
  private let other = CatalogueCache.View(currency: "JPY")

  private func keep(_ ids: Int..., since mark: CatalogueCache.Mark, in view: CatalogueCache.View) {
    let json = Array("{}".utf8)
    cache.keep(ids.map { (id: $0, json: json) }, view, since: mark)
    let entries = ids.map { ($0, CatalogueEntry(json: json, version: $0, stockVersion: 1)) }
    cache.keep(Dictionary(uniqueKeysWithValues: entries), view, since: mark)
  }

  private func isListed(_ id: Int, in view: CatalogueCache.View) -> Bool {
    cache.page([id], view) != nil
  }

  private func isShown(_ id: Int, in view: CatalogueCache.View) -> Bool {
    cache.whole(id, view)?.version == id
  }

  @Test("what is kept is there, in its currency")
  func kept() {
    keep(1, 2, since: cache.mark, in: view)
    #expect(cache.page([2, 1], view) == Array("[{},{}]".utf8))
    #expect(cache.page([], view) == Array("[]".utf8))
    #expect(isShown(1, in: view))
    #expect(!isListed(3, in: view) && !isShown(3, in: view))
    #expect(!isListed(1, in: other) && !isShown(1, in: other))
  }

  @Test("a product that changed is forgotten in every currency, in lists only if they show it")
  func forgotten() {
    for view in [view, other] { keep(1, 2, 3, since: cache.mark, in: view) }
    cache.forget([.product(1), .single(2)])
    for view in [view, other] {
      #expect([1, 2, 3].map { isListed($0, in: view) } == [false, true, true])
      #expect([1, 2, 3].map { isShown($0, in: view) } == [false, false, true])
    }
    cache.forgetEverything()
    #expect(!isListed(3, in: view) && !isShown(3, in: view))
  }

  @Test("what was read before a change was told is not kept, what was read afterwards is")
  func readBefore() {
    let before = cache.mark
    cache.forget([.product(1)])
    keep(1, 2, since: before, in: view)
    #expect([1, 2].map { isShown($0, in: view) } == [false, true])
    #expect([1, 2].map { isListed($0, in: view) } == [false, true])
    keep(1, since: cache.mark, in: view)
    #expect(isShown(1, in: view) && isListed(1, in: view))
  }

  @Test("nothing that was read before everything was forgotten is kept")
  func readBeforeEverything() {
    let before = cache.mark
    cache.forgetEverything()
    keep(1, since: before, in: view)
    #expect(!isShown(1, in: view) && !isListed(1, in: view))
  }

  @Test("a reading that took longer than is remembered is not kept", arguments: [4096, 4097])
  func slowReading(changes: Int) {
    let before = cache.mark
    for id in 0..<changes { cache.forget([.single(id + 2)]) }
    keep(1, since: before, in: view)
    #expect(isShown(1, in: view) == (changes <= 4096))
  }
}

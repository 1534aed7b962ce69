import SharedKernel
import Synchronization
import Testing

@testable import Orders

@Suite struct CachedCatalogueClientTests {
  @Test("prices are asked for once in five seconds, each in its currency")
  func age() async throws {
    let catalogue = CountingCatalogue()
    let clock = TestClock()
    let prices = CachedCatalogueClient(catalogue: catalogue, now: { clock.now })
    for _ in 0..<3 {
      #expect(try await prices.variants([1, 2], in: .usd)[1]?.price?.minorUnits == 100)
    }
    #expect(catalogue.asked == [[1, 2]])
    _ = try await prices.variants([2, 3], in: .usd)
    _ = try await prices.variants([2], in: .eur)
    #expect(catalogue.asked == [[1, 2], [3], [2]])
    clock.advance(CachedCatalogueClient.age)
    _ = try await prices.variants([1], in: .usd)
    #expect(catalogue.asked.last == [1])
  }

  @Test("what the catalogue tells a change of is asked for again, and nothing else")
  func forgets() async throws {
    let catalogue = CountingCatalogue()
    let prices = CachedCatalogueClient(catalogue: catalogue)
    _ = try await prices.variants([1, 2], in: .usd)
    prices.forget(product: 101)
    _ = try await prices.variants([1, 2], in: .usd)
    prices.forget(variant: 2)
    _ = try await prices.variants([1, 2], in: .usd)
    #expect(catalogue.asked == [[1, 2], [1], [2]])
  }

  @Test("an answer that was under way when something changed is not remembered")
  func race() async throws {
    let catalogue = CountingCatalogue()
    let prices = CachedCatalogueClient(catalogue: catalogue)
    catalogue.meanwhile { prices.forget(product: 101) }
    _ = try await prices.variants([1], in: .usd)
    catalogue.meanwhile {}
    _ = try await prices.variants([1], in: .usd)
    #expect(catalogue.asked == [[1], [1]])
  }

  @Test("that a variant does not exist is remembered too")
  func unknown() async throws {
    let catalogue = CountingCatalogue()
    let prices = CachedCatalogueClient(catalogue: catalogue)
    for _ in 0..<2 { #expect(try await prices.variants([99], in: .usd)[99] == nil) }
    #expect(catalogue.asked == [[99]])
  }
}

/// Variant n below 50, of product 100 + n, costs 100 n.
private final class CountingCatalogue: Catalogue {
  private let state = Mutex<(asked: [[Int]], meanwhile: @Sendable () -> Void)>(([], {}))

  var asked: [[Int]] { state.withLock { $0.asked } }

  func meanwhile(_ happens: @escaping @Sendable () -> Void) {
    state.withLock { $0.meanwhile = happens }
  }

  func variants(
    _ wanted: [OrderRequest.Wanted], in currency: Currency, limit: Duration?
  ) async throws -> [CatalogueVariant] {
    let ids = wanted.map { wanted in
      switch wanted {
      case .variant(let id), .product(let id): id
      }
    }
    let happens = state.withLock { state in
      state.asked.append(ids)
      return state.meanwhile
    }
    happens()
    return try ids.filter { $0 < 50 }.map { id in
      CatalogueVariant(
        variantID: id, productID: 100 + id, name: "P\(id)", sku: "S\(id)", isActive: true,
        isOnlyOne: true, price: try Money(minorUnits: Int64(id) * 100, currency: currency),
        available: 9)
    }
  }
}

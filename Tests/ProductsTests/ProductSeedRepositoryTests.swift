import ServiceKit
import SharedKernel
import Testing

@testable import Products

@Suite("The development catalogue", .timeLimit(.minutes(5)))
struct ProductSeedRepositoryTests {
  @Test("it is as the contract's examples show it, once however often it is sown")
  func seed() async throws {
    let bench = try await ProductsBench()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask { try await ProductSeedRepository(database: bench.database).run() }
      }
      try await group.waitForAll()
    }
    let response = try await bench.send(.get, "/products?limit=100")
    let text = String(decoding: response.body, as: UTF8.self)
    #expect(text.hasPrefix(#"[{"id":1,"name":"Laptop","price":1000.0,"#))
    #expect(text.contains(#"{"id":2,"name":"Phone","price":500.0,"#))
    let products: [ProductBody] = try response.decoded()
    #expect(Set(products.map(\.slug)).count == products.count)
    #expect(products.allSatisfy { $0.inStock && $0.variantCount == 1 && !$0.categories.isEmpty })
    #expect(try await bench.violations().isEmpty)
    // Ids go on behind the seed's.
    #expect(try await bench.make("New").id == products.count + 1)
  }
}

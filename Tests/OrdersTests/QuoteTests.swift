import SharedKernel
import Testing

@testable import Orders

@Suite struct QuoteTests {
  private func variant(
    _ id: Int, product: Int, price: Int64? = 100, isActive: Bool = true, isOnlyOne: Bool = true
  ) throws -> CatalogueVariant {
    CatalogueVariant(
      variantID: id, productID: product, name: "P\(product)", sku: "S\(id)", isActive: isActive,
      isOnlyOne: isOnlyOne,
      price: try price.map { try Money(minorUnits: $0, currency: .usd) })
  }

  private func request(
    _ items: [PlaceOrder.Item], expected: Int64? = nil
  ) throws -> OrderRequest {
    try OrderRequest(
      PlaceOrder(
        items: items,
        shippingAddress: PostalAddress(
          name: "Ada", line1: "1", line2: nil, city: "B", region: nil, postalCode: "3",
          country: "CH", phone: nil),
        billingAddress: nil, email: "a@b", paymentToken: "tok_ok",
        expectedTotal: try expected.map { try Money(minorUnits: $0, currency: .usd) }, note: nil),
      isGuest: true)
  }

  @Test("items become lines at the catalogue's prices")
  func lines() throws {
    let quote = try Quote(
      request([
        .init(productId: 1, variantId: nil, quantity: 2),
        .init(productId: nil, variantId: 20, quantity: 3),
      ]), variants: [variant(10, product: 1), variant(20, product: 2, price: 7)])
    #expect(quote.lines.map(\.variant.variantID) == [10, 20])
    #expect(quote.totals.total.minorUnits == 221)
  }

  @Test("what cannot be bought is named")
  func faults() throws {
    let variants = try [
      variant(10, product: 1, isOnlyOne: false), variant(20, product: 2, isActive: false),
      variant(30, product: 3, price: nil), variant(40, product: 4),
    ]
    let request = try request([
      .init(productId: 1, variantId: nil, quantity: 1),
      .init(productId: 2, variantId: nil, quantity: 1),
      .init(productId: 3, variantId: nil, quantity: 1),
      .init(productId: nil, variantId: 40, quantity: 1),
      .init(productId: 4, variantId: nil, quantity: 1),
      .init(productId: 5, variantId: nil, quantity: 1),
    ])
    let failure = #expect(throws: ValidationFailure.self) {
      try Quote(request, variants: variants)
    }
    #expect(
      failure?.faults.map { "\($0.pointer) \($0.code)" } == [
        "/items/0 several_variants", "/items/1 unknown", "/items/2 not_priced",
        "/items/4 duplicate", "/items/5 unknown",
      ])
  }

  @Test("a total other than the expected one is a conflict that tells both")
  func priceChanged() throws {
    let item = PlaceOrder.Item(productId: 1, variantId: nil, quantity: 1)
    let variants = [try variant(10, product: 1)]
    #expect(throws: Never.self) { try Quote(request([item], expected: 100), variants: variants) }
    let failure = #expect(throws: OrderError.self) {
      try Quote(request([item], expected: 99), variants: variants)
    }
    #expect(failure?.kind == .priceChanged)
    #expect(Set(failure?.members.keys.map { $0 } ?? []) == ["expectedTotal", "actualTotal"])
  }
}

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
      price: try price.map { try Money(minorUnits: $0, currency: .usd) }, available: 9)
  }

  private func request(
    _ items: [PlaceOrder.Item], expected: Int64? = nil, method: ID<ShippingMethod>? = nil,
    coupon: String? = nil, token: String? = "tok_ok"
  ) throws -> OrderRequest {
    try OrderRequest(
      PlaceOrder(
        items: items, shippingAddress: OrdersBench.address, shippingMethodId: method,
        couponCode: coupon, email: "a@b", paymentToken: token,
        expectedTotal: try expected.map { try Money(minorUnits: $0, currency: .usd) }),
      isGuest: true)
  }

  private func quote(
    _ request: OrderRequest, _ variants: [CatalogueVariant],
    _ terms: SalesTerms = SalesTerms(methods: [], taxRate: nil, coupon: nil, couponUses: 0)
  ) throws -> Quote {
    try Quote(request, to: OrdersBench.address, variants: variants, terms: terms, now: .now())
  }

  private func method(
    _ name: String, _ price: Int64, countries: [String] = [], freeFrom: Int64? = nil
  ) throws -> ShippingMethod {
    ShippingMethod(
      id: .new(), name: name, countries: countries,
      price: try Money(minorUnits: price, currency: .usd),
      freeFrom: try freeFrom.map { try Money(minorUnits: $0, currency: .usd) }, version: 1)
  }

  @Test("items become lines at the catalogue's prices")
  func lines() throws {
    let quote = try quote(
      request([
        .init(productId: 1, variantId: nil, quantity: 2),
        .init(productId: nil, variantId: 20, quantity: 3),
      ]), [variant(10, product: 1), variant(20, product: 2, price: 7)])
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
      try quote(request, variants)
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
    #expect(throws: Never.self) { try quote(request([item], expected: 100), variants) }
    let failure = #expect(throws: OrderError.self) {
      try quote(request([item], expected: 99), variants)
    }
    #expect(failure?.kind == .priceChanged)
    #expect(Set(failure?.members.keys.map { $0 } ?? []) == ["expectedTotal", "actualTotal"])
  }

  // MARK: Terms

  private let item = PlaceOrder.Item(productId: 1, variantId: nil, quantity: 2)

  @Test(
    "without a choice the cheapest method that goes there is taken; a chosen one has to go there")
  func shipping() throws {
    let variants = [try variant(10, product: 1)]
    let methods = try [
      method("Far", 1, countries: ["US"]), method("Fast", 30), method("Slow", 20),
      method("Free from two", 25, freeFrom: 200),
    ]
    let terms = SalesTerms(methods: methods, taxRate: nil, coupon: nil, couponUses: 0)
    let cheapest = try quote(request([item]), variants, terms)
    #expect(cheapest.method?.name == "Free from two")
    #expect(cheapest.totals.total.minorUnits == 200)
    let chosen = try quote(request([item], method: methods[1].id), variants, terms)
    #expect(chosen.totals.shipping.minorUnits == 30)
    #expect(chosen.totals.total.minorUnits == 230)
    for id in [methods[0].id, .new()] {
      let failure = #expect(throws: ValidationFailure.self) {
        try quote(request([item], method: id), variants, terms)
      }
      #expect(failure?.faults.map(\.pointer) == ["/shippingMethodId"])
    }
    let nowhere = SalesTerms(
      methods: [methods[0]], taxRate: nil, coupon: nil, couponUses: 0)
    let failure = #expect(throws: ValidationFailure.self) {
      try quote(request([item]), variants, nowhere)
    }
    #expect(failure?.faults.map(\.code) == ["not_served"])
    #expect(try quote(request([item]), variants).method == nil)
  }

  @Test("what costs nothing needs no payment token, what costs something does")
  func token() throws {
    let variants = [try variant(10, product: 1)]
    let failure = #expect(throws: ValidationFailure.self) {
      try quote(request([item], token: nil), variants)
    }
    #expect(failure?.faults.map(\.pointer) == ["/paymentToken"])
    let code = try #require(CouponCode("ALL"))
    let coupon = Coupon(
      code: code,
      terms: try CouponTerms(
        benefit: .percent(100), minSubtotal: nil, startsAt: nil, endsAt: nil, maxUses: nil,
        maxUsesPerCustomer: nil), used: 0, version: 1)
    let terms = SalesTerms(methods: [], taxRate: nil, coupon: coupon, couponUses: 0)
    let free = try quote(request([item], coupon: "all", token: nil), variants, terms)
    #expect(free.totals.total.minorUnits == 0)
    #expect(free.lines.map(\.discount.minorUnits) == [200])
  }

  @Test("a coupon that is not known is refused, whatever else is right")
  func unknownCoupon() throws {
    let variants = [try variant(10, product: 1)]
    #expect(throws: CartError.couponNotApplicable(.unknown)) {
      try quote(request([item], coupon: "NONE"), variants)
    }
  }
}

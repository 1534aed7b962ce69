import SharedKernel
import Testing

@testable import Orders

@Suite struct PlaceOrderTests {
  private let address = PostalAddress(
    name: "Ada", line1: "1 Main St", line2: nil, city: "Bern", region: nil, postalCode: "3000",
    country: "CH", phone: nil)

  private func body(
    items: [PlaceOrder.Item] = [.init(productId: 1, variantId: nil, quantity: 1)],
    email: String? = "ada@example.com", token: String = "tok_ok", note: String? = nil,
    country: String = "CH"
  ) -> PlaceOrder {
    PlaceOrder(
      items: items,
      shippingAddress: PostalAddress(
        name: "Ada", line1: "1 Main St", line2: nil, city: "Bern", region: nil,
        postalCode: "3000", country: country, phone: nil),
      billingAddress: nil, email: email, paymentToken: token, expectedTotal: nil, note: note)
  }

  private func faults(_ body: PlaceOrder, isGuest: Bool = true) -> [String] {
    do {
      _ = try OrderRequest(body, isGuest: isGuest)
      return []
    } catch {
      return (error as? ValidationFailure)?.faults.map { "\($0.pointer) \($0.code)" } ?? ["?"]
    }
  }

  @Test("a good request keeps what was sent")
  func good() throws {
    let request = try OrderRequest(
      body(items: [
        .init(productId: 1, variantId: nil, quantity: 1),
        .init(productId: nil, variantId: 9, quantity: 999),
      ]), isGuest: true)
    #expect(
      request.items == [
        .init(wanted: .product(1), quantity: 1), .init(wanted: .variant(9), quantity: 999),
      ])
    #expect(request.currency == .usd)
  }

  @Test("each fault of the items is named")
  func items() {
    #expect(faults(body(items: [])) == ["/items out_of_range"])
    #expect(
      faults(
        body(items: [
          .init(productId: 1, variantId: 1, quantity: 1),
          .init(productId: nil, variantId: nil, quantity: 0),
          .init(productId: 1, variantId: nil, quantity: 1000),
        ]))
        == [
          "/items/0 one_of", "/items/1/quantity out_of_range", "/items/1 one_of",
          "/items/2/quantity out_of_range",
        ])
    let many = Array(
      repeating: PlaceOrder.Item(productId: 1, variantId: nil, quantity: 1), count: 101)
    #expect(faults(body(items: many)) == ["/items out_of_range"])
  }

  @Test("a guest must leave an e-mail address, a user need not")
  func email() {
    #expect(faults(body(email: nil)) == ["/email required"])
    #expect(faults(body(email: nil), isGuest: false) == [])
    for bad in ["ada", "@example.com", "ada@", "a@b@c", "ada @example.com", "<ada@example.com>"] {
      #expect(faults(body(email: bad)) == ["/email invalid"], "\(bad)")
    }
  }

  @Test("texts have their lengths and countries their form")
  func texts() {
    #expect(faults(body(token: "")) == ["/paymentToken length"])
    #expect(faults(body(note: String(repeating: "x", count: 501))) == ["/note length"])
    #expect(faults(body(country: "ch")) == ["/shippingAddress/country invalid"])
  }

  @Test("what looks like a card's number is refused wherever it is typed")
  func cardData() {
    #expect(throws: OrderError.cardDataForbidden(pointer: "/paymentToken")) {
      try OrderRequest(body(token: "4242424242424242"), isGuest: true)
    }
    #expect(throws: OrderError.cardDataForbidden(pointer: "/note")) {
      try OrderRequest(body(note: "use 4242 4242-4242 4242, thanks"), isGuest: true)
    }
  }
}

import SharedKernel
import Testing

@testable import Orders

@Suite struct CartTests {
  private func cart(_ lines: [(Int, Int)] = [], status: Cart.Status = .open) -> Cart {
    Cart(
      id: .new(), userID: nil, currency: .usd, status: status,
      lines: lines.map { Cart.Line(variantID: $0.0, quantity: $0.1) }, couponCode: nil,
      delivery: nil, orderID: nil, mergedInto: nil, version: 1)
  }

  @Test("a line is added, changed and removed, and the order of the others stays")
  func lines() throws {
    var cart = cart([(1, 1), (2, 2)])
    try cart.set(5, of: 1)
    try cart.set(1, of: 3)
    try cart.set(0, of: 2)
    try cart.set(0, of: 9)
    #expect(cart.lines.map(\.variantID) == [1, 3])
    #expect(cart.lines.map(\.quantity) == [5, 1])
  }

  @Test("a cart has no more than an order may")
  func bounds() throws {
    var cart = cart((1...100).map { ($0, 1) })
    #expect(throws: ValidationFailure.self) { try cart.set(1, of: 101) }
    #expect(throws: ValidationFailure.self) { try cart.set(1000, of: 1) }
    #expect(throws: ValidationFailure.self) { try cart.set(-1, of: 1) }
    #expect(cart.lines.count == 100)
  }

  @Test("a guest's quantities add up as far as they may, and own choices stay")
  func merge() throws {
    var own = cart([(1, 998), (2, 1)])
    own.couponCode = CouponCode("MINE")
    var guest = cart([(3, 7), (1, 5)])
    guest.couponCode = CouponCode("THEIRS")
    guest.delivery = Cart.Delivery(address: OrdersBench.address, methodId: .new())
    own.merge(guest)
    #expect(own.lines.map(\.variantID) == [1, 2, 3])
    #expect(own.lines.map(\.quantity) == [999, 1, 7])
    #expect(own.couponCode?.description == "MINE")
    #expect(own.delivery == guest.delivery)
    var full = cart((1...100).map { ($0, 1) })
    full.merge(cart([(100, 1), (101, 1)]))
    #expect(full.lines.count == 100)
    #expect(full.quantity(of: 100) == 2)
  }

  @Test("only an open cart is open", arguments: Cart.Status.allCases)
  func status(status: Cart.Status) {
    let cart = cart(status: status)
    if status == .open {
      #expect(throws: Never.self) { try cart.requireOpen() }
    } else {
      #expect(throws: CartError.notOpen(status, nil)) { try cart.requireOpen() }
    }
  }
}

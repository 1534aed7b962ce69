import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// Checkout through the product and the payment service's own routers: what its clients send is what
/// these take, and what these answer is what the clients read.
@Suite struct CheckoutContractTests {
  @Test("an order holds and commits stock, and its money is captured")
  func confirms() async throws {
    let shop = try await ContractShop()
    let before = try await ProductPeer.stock(of: 1, in: shop.product)
    let order = try await shop.place("tok_ok", quantity: 2)
    #expect(order.state == .confirmed)
    #expect(order.paymentStatus == .captured)
    #expect(order.payment.captured == order.totals.total.minorUnits)
    let after = try await ProductPeer.stock(of: 1, in: shop.product)
    #expect(after.reserved == before.reserved + 2)
    try await shop.isConsistent()
  }

  @Test("more than there is is refused with what there is, and refused again")
  func noStock() async throws {
    let shop = try await ContractShop()
    let stock = try await ProductPeer.stock(of: 1, in: shop.product)
    let order = try await shop.place("tok_ok", quantity: stock.onHand + 1)
    #expect(order.state == .cancelled)
    #expect(
      order.cancellation
        == Cancellation(
          .insufficientStock,
          shortages: [Shortage(variantId: 1, available: stock.onHand - stock.reserved)]))
    let again = await shop.client.hold(
      [SagaInput.Line(variantId: 1, quantity: stock.onHand + 1)], for: order.id,
      until: .now() + .seconds(60), limit: nil)
    guard case .refused(.noStock) = again.answer else {
      Issue.record("a refused hold is answered \(again)")
      return
    }
    try await shop.isConsistent()
  }

  @Test(
    "a declined payment is told with its code, and the stock is released",
    arguments: ["tok_insufficient_funds", "tok_stolen_card"])
  func declined(token: String) async throws {
    let shop = try await ContractShop()
    let order = try await shop.place(token)
    #expect(order.state == .cancelled)
    #expect(order.cancellation?.reason == .paymentDeclined)
    #expect(order.cancellation?.declineCode?.isEmpty == false)
    #expect(order.paymentStatus == .none)
    try await shop.isConsistent()
  }

  @Test("a capture that fails gives the hold and the authorisation back")
  func captureFails() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_capture_fails")
    #expect(order.state == .cancelled)
    #expect(order.cancellation?.reason == .captureRefused)
    #expect(order.payment.captured == order.payment.refunded)
    try await shop.isConsistent()
  }

  @Test("a payment that needs the customer tells what to do")
  func requiresAction() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_requires_action")
    #expect(order.state == .awaitingPayment)
    #expect(order.nextAction?.url.isEmpty == false)
    #expect(order.nextAction?.accessToken?.isEmpty == false)
    let cancelled = try await shop.orders.cancel(
      order.id, CancelRequest(reason: nil, actor: "anon"), wait: .seconds(5))
    #expect(cancelled.state == .cancelled)
    try await shop.isConsistent()
  }

  @Test(
    "a provider that fails for a while does not fail the order",
    arguments: [
      "tok_error_twice_then_ok", "tok_timeout_then_ok", "tok_slow_ok",
    ])
  func providerFails(token: String) async throws {
    let shop = try await ContractShop()
    let order = try await shop.place(token)
    #expect(order.cancellation == nil)
    #expect([.pending, .awaitingPayment, .confirmed].contains(order.state))
  }

  @Test("a confirmed order that is cancelled has its money refunded and its stock released")
  func cancels() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_ok")
    let cancelled = try await shop.orders.cancel(
      order.id, CancelRequest(reason: "changed my mind", actor: "anon"), wait: .seconds(5))
    #expect(cancelled.state == .cancelled)
    #expect(cancelled.paymentStatus == .refunded)
    #expect(try await ProductPeer.stock(of: 1, in: shop.product).reserved == 0)
    try await shop.isConsistent()
  }

  @Test("compensations of what was never begun leave the door closed")
  func tombstones() async throws {
    let shop = try await ContractShop()
    let order = CheckoutOrder(
      id: .new(), userID: nil, total: try Money(minorUnits: 100, currency: .usd),
      captureMode: .automatic, paymentID: .new())
    let payments = PaymentClient(upstream: shop.payments)
    #expect(await payments.cancelPayment(of: order, limit: nil).answer == .done)
    #expect(await shop.client.releaseHold(of: order.id, limit: nil).answer == .done)
    #expect(
      await payments.authorize(order, token: "tok_ok", limit: nil).answer
        == .refused(.paymentRefused))
    #expect(
      await shop.client.hold(
        [SagaInput.Line(variantId: 1, quantity: 1)], for: order.id,
        until: .now() + .seconds(60), limit: nil
      ).answer == .refused(.holdClosed))
    try await shop.isConsistent()
  }

  @Test("an address that a user keeps is known to the user alone")
  func addressBook() async throws {
    let shop = try await ContractShop()
    let user = try await UserPeer.user(in: shop.users)
    let kept = try await UserPeer.address(of: user, in: shop.users)
    let id = try #require(ID<SavedAddress>(kept.id))
    let address = try #require(try await shop.addresses.address(id, of: user))
    #expect(address.line1 == "7 Rose Lane")
    #expect(address.country == "CH")
    #expect(try await shop.addresses.address(id, of: .new()) == nil)
    #expect(try await shop.addresses.address(.new(), of: user) == nil)
  }

  @Test("products are known by their ids and by their variants', unknown ones are left out")
  func catalogue() async throws {
    let shop = try await ContractShop()
    let found = try await shop.client.variants(
      [.product(1), .variant(2), .product(999_999)], in: .usd, limit: nil)
    #expect(Set(found.map(\.productID)) == [1, 2])
    #expect(found.first { $0.productID == 1 }?.price?.minorUnits == 100_000)
    #expect(found.allSatisfy { $0.isActive && $0.isOnlyOne })
    let yen = try await shop.client.variants([.product(1)], in: .jpy, limit: nil)
    #expect(yen.allSatisfy { $0.price == nil })
  }
}

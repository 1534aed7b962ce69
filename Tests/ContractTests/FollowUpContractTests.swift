import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// Shipping, delivering and refunding through the order service's routes, with the product and the
/// payment service's own routers behind them.
@Suite struct FollowUpContractTests {
  /// What these tests read of a shipment or refund.
  private struct Made: Decodable {
    let id: String
    let status: String
  }

  private static let shipKey = "ship-0123456789abcdef"
  private static let refundKey = "refund-0123456789abcdef"

  private func ship(
    _ quantity: Int, of order: Order, key: String = UUID128.v7().description,
    in shop: ContractShop
  ) async throws -> HTTPResponse {
    try await shop.send(
      .post, "/orders/\(order.id)/shipments", key: key,
      """
      {"lines":[{"lineId":"\(order.lines[0].id)","quantity":\(quantity)}],"carrier":"Post",
      "trackingNumber":"99.00.1","trackingUrl":"https://post.example/99.00.1"}
      """)
  }

  private func refund(
    _ what: String, of order: Order, key: String = UUID128.v7().description, in shop: ContractShop
  ) async throws -> HTTPResponse {
    try await shop.send(
      .post, "/orders/\(order.id)/refunds", key: key, #"{"reason":"came back",\#(what)}"#)
  }

  /// What the payment service itself says.
  private func captured(_ order: Order, in shop: ContractShop) async throws -> Int64? {
    try await PaymentPeer.captured(by: order.paymentID.uuid, in: shop.payment)
  }

  private func units(_ quantity: Int, of order: Order, restock: Bool) -> String {
    #""lines":[{"lineId":"\#(order.lines[0].id)","quantity":\#(quantity)}],"restock":\#(restock)"#
  }

  @Test("two parcels leave stock, each key once, and the order is delivered with the last of them")
  func ships() async throws {
    let shop = try await ContractShop()
    let before = try await ProductPeer.stock(of: 1, in: shop.product)
    let order = try await shop.place("tok_ok", quantity: 3)
    let first = try await ship(2, of: order, key: Self.shipKey, in: shop)
    #expect(first.status == .created)
    let again = try await ship(2, of: order, key: Self.shipKey, in: shop)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.body == first.body)
    let half = try await ProductPeer.stock(of: 1, in: shop.product)
    #expect(half.onHand == before.onHand - 2 && half.reserved == before.reserved + 1)
    #expect(try await shop.orders.order(order.id).state == .partiallyShipped)
    let tooMany = try await ship(2, of: order, in: shop)
    #expect(tooMany.problemKind == .overShipped)
    let second = try await ship(1, of: order, in: shop)
    #expect(try await shop.orders.order(order.id).state == .shipped)
    let after = try await ProductPeer.stock(of: 1, in: shop.product)
    #expect(after.onHand == before.onHand - 3 && after.reserved == before.reserved)
    for parcel in [first, second] {
      let id = try parcel.decoded(as: Made.self).id
      let delivered = try await shop.send(
        .patch, "/orders/\(order.id)/shipments/\(id)", #"{"status":"delivered"}"#)
      #expect(try delivered.decoded(as: Made.self).status == "delivered")
    }
    #expect(try await shop.orders.order(order.id).state == .delivered)
    try await shop.isConsistent()
  }

  @Test("where money is taken share by share, each parcel captures its own, the last one the rest")
  func shares() async throws {
    let shop = try await ContractShop(captureMode: .manual)
    let order = try await shop.place("tok_ok", quantity: 3)
    #expect(order.paymentStatus == .authorized)
    let total = order.totals.total.minorUnits
    #expect(try await ship(1, of: order, in: shop).status == .created)
    let half = try await shop.orders.order(order.id)
    #expect(half.payment.captured > 0 && half.payment.captured < total)
    #expect(try await captured(order, in: shop) == half.payment.captured)
    #expect(try await ship(2, of: order, in: shop).status == .created)
    let whole = try await shop.orders.order(order.id)
    #expect(whole.payment.captured == total && whole.paymentStatus == .captured)
    #expect(try await captured(order, in: shop) == total)
    try await shop.isConsistent()
  }

  @Test("a parcel whose share is declined is answered 402, stays in stock, and again for its key")
  func shareDeclined() async throws {
    let shop = try await ContractShop(captureMode: .manual)
    let order = try await shop.place("tok_capture_fails", quantity: 2)
    let before = try await ProductPeer.stock(of: 1, in: shop.product)
    for _ in 0..<2 {
      let refused = try await ship(2, of: order, key: Self.shipKey, in: shop)
      #expect(refused.status.code == 402)
      #expect(refused.problemKind == .paymentDeclined)
    }
    #expect(try await shop.orders.order(order.id).state == .confirmed)
    let after = try await ProductPeer.stock(of: 1, in: shop.product)
    #expect(after.onHand == before.onHand && after.reserved == before.reserved)
    try await shop.isConsistent()
  }

  @Test("units that come back are paid back and restocked once, and no more than was captured is")
  func refunds() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_ok", quantity: 3)
    _ = try await ship(3, of: order, in: shop)
    let before = try await ProductPeer.stock(of: 1, in: shop.product)
    for _ in 0..<2 {
      let refunded = try await refund(
        units(2, of: order, restock: true), of: order, key: Self.refundKey, in: shop)
      #expect(refunded.status == .created)
      #expect(try refunded.decoded(as: Made.self).status == "succeeded")
    }
    let after = try await ProductPeer.stock(of: 1, in: shop.product)
    #expect(after.onHand == before.onHand + 2 && after.reserved == before.reserved)
    let partly = try await shop.orders.order(order.id)
    #expect(partly.paymentStatus == .partiallyRefunded)
    let rest = partly.payment.captured - partly.payment.refunded
    func pay(_ amount: Int64) async throws -> HTTPResponse {
      try await refund(
        #""amount":{"amount":\#(amount),"currency":"USD"}"#, of: order, in: shop)
    }
    #expect(try await pay(rest + 1).problemKind == .refundExceedsCaptured)
    #expect(try await pay(rest).status == .created)
    #expect(try await shop.orders.order(order.id).paymentStatus == .refunded)
    #expect(try await ProductPeer.stock(of: 1, in: shop.product).onHand == after.onHand)
    try await shop.isConsistent()
  }

  @Test("a refund that the provider takes on is under way, and done when its key asks again")
  func refundPends() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_refund_pending", quantity: 2)
    _ = try await ship(2, of: order, in: shop)
    let what = units(1, of: order, restock: true)
    let first = try await refund(what, of: order, key: Self.refundKey, in: shop)
    #expect(first.status == .accepted && first.fields[.retryAfter] != nil)
    let again = try await refund(what, of: order, key: Self.refundKey, in: shop)
    #expect(again.status == .created)
    #expect(try again.decoded(as: Made.self).status == "succeeded")
    #expect(try await shop.orders.order(order.id).paymentStatus == .partiallyRefunded)
    try await shop.isConsistent()
  }

  @Test("what comes of an order is told to its customer, with what the events say of it")
  func notices() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_ok", quantity: 2)
    let parcel = try await ship(2, of: order, in: shop).decoded(as: Made.self)
    _ = try await shop.send(
      .patch, "/orders/\(order.id)/shipments/\(parcel.id)", #"{"status":"delivered"}"#)
    _ = try await refund(units(1, of: order, restock: false), of: order, in: shop)
    let told = try await shop.notifications.notices(of: "order", in: shop.database)
    #expect(
      told.map(\.type) == [
        "order.confirmed", "order.delivered", "order.refunded", "order.shipped",
      ])
    #expect(told.allSatisfy { $0.params["number"] == "\(order.number)" })
    #expect(told.allSatisfy { $0.params["total"] == order.totals.total.description })
    #expect(told[3].params["carrier"] == "Post" && told[3].params["tracking"] == "99.00.1")
    let paidBack = try await shop.orders.order(order.id).payment.refunded
    #expect(
      told[2].params["refunded"]
        == (try Money(minorUnits: paidBack, currency: .usd)).description)
  }

  @Test("a declined payment is told by the payment service's own event")
  func declinedNotice() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_stolen_card")
    let told = try await shop.notifications.notices(of: "payment", in: shop.payment)
    #expect(told.map(\.type) == ["payment.declined"])
    #expect(told.first?.params["orderId"] == "\(order.id)")
    #expect(told.first?.params["amount"] == order.totals.total.description)
  }

  @Test("what product and payment refuse for good is heard as that, not as a reason to ask again")
  func refusals() async throws {
    let shop = try await ContractShop()
    let order = try await shop.place("tok_ok", quantity: 2)
    let paid = CheckoutOrder(
      id: order.id, userID: nil, total: order.totals.total, captureMode: .automatic,
      paymentID: order.paymentID)
    let payments = PaymentClient(upstream: shop.payments)
    let tooMany = [SagaInput.Line(variantId: 1, quantity: 3)]
    #expect(
      await shop.client.fulfil(tooMany, of: order.id, as: .v7(), limit: nil).answer
        == .refused(.overShipped))
    #expect(
      await payments.refund(paid.total.minorUnits + 1, of: paid, as: .v7(), limit: nil).answer
        == .refused(.exceedsCaptured))
    _ = try await shop.orders.cancel(
      order.id, CancelRequest(reason: nil, actor: "anon"), wait: .seconds(5))
    #expect(
      await shop.client.fulfil(
        [SagaInput.Line(variantId: 1, quantity: 1)], of: order.id, as: .v7(), limit: nil
      ).answer == .refused(.holdClosed))
    #expect(
      await payments.refund(1, of: paid, as: .v7(), limit: nil).answer
        == .refused(.paymentRefused))
    try await shop.isConsistent()
  }
}

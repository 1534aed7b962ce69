import Foundation
import HTTPMessages

/// A purchase that goes through a cart: filled, given an address and the example coupon, and checked out. Each
/// step may be repeated: those that add have keys, and the last has the purchase's.
struct CartPurchase {
  private static let coupon = "WELCOME10"

  private struct Cart: Decodable {
    let id: String
    let accessToken: String
  }
  private struct Method: Decodable {
    let id: String
  }

  private let purchase: Purchase
  private let shop: Storefront
  private let key: String

  init(_ purchase: Purchase, in shop: Storefront) {
    self.purchase = purchase
    self.shop = shop
    key = shop.key(of: purchase)
  }

  func checkOut() async -> CheckoutAnswer {
    struct Body: Encodable {
      let email: String
      let paymentToken: String
    }
    do {
      let cart: Cart = try await decoded(
        .post, "/carts", Empty(), ["Idempotency-Key": "\(key)-cart"])
      try await fill(cart)
      return await shop.answer(
        .post, "/carts/\(cart.id)/checkout", of: "order",
        Body(email: shop.email(of: purchase), paymentToken: purchase.paymentToken),
        ["Idempotency-Key": key, "X-Access-Token": cart.accessToken])
    } catch {
      return CheckoutAnswer(kind: .noAnswer, note: "\(error)")
    }
  }

  /// A cart that is in checkout already, by an earlier try, is left as it is.
  private func fill(_ cart: Cart) async throws {
    struct Line: Encodable {
      let productId: Int
      let quantity: Int
    }
    struct Shipping: Encodable {
      let address = BuyerAddress()
      let methodId: String
    }
    struct Code: Encodable { let code = CartPurchase.coupon }
    let owner: [HTTPFieldName: String] = ["X-Access-Token": cart.accessToken]
    for (index, item) in purchase.items.enumerated() {
      var fields = owner
      fields["Idempotency-Key"] = "\(key)-line-\(index)"
      try await done(
        .post, "/carts/\(cart.id)/lines",
        Line(productId: item.productID, quantity: item.quantity), fields)
    }
    let methods: [Method] = try await decoded(
      .get, "/shipping-methods?country=US&currency=USD", nil, [:])
    guard let method = methods.first else {
      throw Trouble("the shop delivers nowhere.", next: ["Add the example methods: ./shop seed"])
    }
    try await done(.put, "/carts/\(cart.id)/shipping", Shipping(methodId: method.id), owner)
    try await done(.put, "/carts/\(cart.id)/coupon", Code(), owner)
  }

  private struct Empty: Encodable, Sendable {}

  private func done(
    _ method: HTTPMethod, _ target: String, _ body: some Encodable & Sendable,
    _ fields: [HTTPFieldName: String]
  ) async throws {
    let response = try await shop.send(method, target, of: "order", body, fields)
    let isInCheckout =
      response.status.code == 409
      && String(decoding: response.body, as: UTF8.self).contains("cart-not-open")
    guard response.status.code < 300 || isInCheckout else { throw refusal(of: target, response) }
  }

  private func decoded<Value: Decodable>(
    _ method: HTTPMethod, _ target: String, _ body: (any Encodable & Sendable)?,
    _ fields: [HTTPFieldName: String]
  ) async throws -> Value {
    let response = try await shop.send(method, target, of: "order", body, fields)
    guard response.status.code < 300 else { throw refusal(of: target, response) }
    return try JSONDecoder().decode(Value.self, from: Data(response.body))
  }

  private func refusal(of target: String, _ response: HTTPResponse) -> Trouble {
    Trouble(
      "\(target) was answered \(response.status.code).",
      evidence: [String(decoding: response.body.prefix(300), as: UTF8.self)])
  }
}

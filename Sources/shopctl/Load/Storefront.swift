import EventLoops
import Foundation
import HTTPClient
import HTTPMessages

/// The shop as its customers reach it: over HTTP, as guests.
struct Storefront: Sendable {
  /// How long one request may take; longer than the shop lets a checkout wait (5 s).
  static let answerWithin: Duration = .seconds(15)
  /// The example account that may receive stock.
  private static let staff = (email: "staff@shop.example", password: "staff-packs-parcels")

  let ports: Ports
  /// Distinguishes this run's idempotency keys from all others'.
  let run: String
  private let client: CurlClient

  init(ports: Ports, run: String = Storefront.newRun()) {
    self.ports = ports
    self.run = run
    client = CurlClient(group: EventLoopGroup(count: 1))
  }

  static func newRun() -> String {
    "run-" + UUID().uuidString.lowercased().prefix(13)
  }

  func key(of purchase: Purchase) -> String { "\(run)-\(purchase.index)" }

  // MARK: Buying

  /// Sends the checkout of `purchase`; again with the same key, it is the same order.
  func checkOut(_ purchase: Purchase) async -> CheckoutAnswer {
    if purchase.isFromCart { return await CartPurchase(purchase, in: self).checkOut() }
    struct Body: Encodable {
      struct Item: Encodable {
        let productId: Int
        let quantity: Int
      }

      let items: [Item]
      let shippingAddress = BuyerAddress()
      let email: String
      let paymentToken: String
    }
    let body = Body(
      items: purchase.items.map { .init(productId: $0.productID, quantity: $0.quantity) },
      email: email(of: purchase), paymentToken: purchase.paymentToken)
    return await answer(
      .post, "/orders", of: "order", body, ["Idempotency-Key": key(of: purchase)])
  }

  /// Each purchase is somebody else's. The dot keeps the digits of the run and those of the index
  /// apart: together they would pass for a card's number now and then, which the shop refuses.
  func email(of purchase: Purchase) -> String { "\(purchase.index).\(run)@load.example" }

  /// Asks to cancel an order.
  func cancel(_ order: String, token: String) async -> CheckoutAnswer {
    struct Body: Encodable { let reason = "changed my mind" }
    return await answer(
      .post, "/orders/\(order)/cancel", of: "order", Body(), ["X-Access-Token": token])
  }

  /// Answers the bank's question about a payment that waits for it.
  func approve(_ payment: String, token: String) async -> CheckoutAnswer {
    struct Body: Encodable { let challenge = "approve" }
    return await answer(
      .post, "/payments/\(payment)/confirm", of: "payment", Body(), ["X-Access-Token": token])
  }

  func answer(
    _ method: HTTPMethod, _ target: String, of service: String, _ body: some Encodable & Sendable,
    _ fields: [HTTPFieldName: String]
  ) async -> CheckoutAnswer {
    do {
      return CheckoutAnswer(try await send(method, target, of: service, body, fields))
    } catch {
      return CheckoutAnswer(kind: .noAnswer, note: "\(error)")
    }
  }

  // MARK: Before the run

  /// The ids of up to 100 products.
  /// - Throws: `Trouble` when they are not answered.
  func products() async throws -> [Int] {
    struct Product: Decodable { let id: Int }
    let products: [Product] = try await decoded(.get, "/products?limit=100", of: "product")
    guard !products.isEmpty else {
      throw Trouble("the shop has no products.", next: ["Add the example ones: ./shop seed"])
    }
    return products.map(\.id)
  }

  /// Receives `units` of each variant of `products`, by the example account of staff.
  /// - Throws: `Trouble` when that is refused.
  func receive(_ units: Int, of products: [Int]) async throws {
    struct Product: Decodable {
      struct Variant: Decodable { let id: Int }
      let variants: [Variant]
    }
    struct Adjustment: Encodable {
      let delta: Int
      let reason = "received"
    }
    struct Movement: Decodable { let delta: Int }
    let token = try await signInAsStaff()
    for product in products {
      let found: Product = try await decoded(.get, "/products/\(product)", of: "product")
      for variant in found.variants {
        let _: Movement = try await decoded(
          .post, "/variants/\(variant.id)/stock-adjustments", of: "product",
          Adjustment(delta: units),
          [
            "Authorization": "Bearer \(token)",
            "Idempotency-Key": "\(run)-stock-\(variant.id)",
          ])
      }
    }
  }

  /// A token of the example account of staff; it ends after some minutes.
  func signInAsStaff() async throws -> String {
    struct Session: Decodable { let accessToken: String }
    struct Credentials: Encodable {
      let email = Storefront.staff.email
      let password = Storefront.staff.password
    }
    let session: Session = try await decoded(.post, "/sessions", of: "user", Credentials())
    return session.accessToken
  }

  private func decoded<Value: Decodable>(
    _ method: HTTPMethod, _ target: String, of service: String,
    _ body: (any Encodable & Sendable)? = nil, _ fields: [HTTPFieldName: String] = [:]
  ) async throws -> Value {
    let response: HTTPResponse
    do {
      response = try await send(method, target, of: service, body, fields)
    } catch let error as HTTPClientError {
      throw Trouble(
        "\(service) does not answer on port \(ports[service]).", evidence: ["\(error)"],
        next: ["What runs: ./shop status"])
    }
    guard response.status.code < 300 else {
      throw Trouble(
        "\(service) refused \(method.rawValue) \(target).",
        evidence: [String(decoding: response.body.prefix(500), as: UTF8.self)])
    }
    return try JSONDecoder().decode(Value.self, from: Data(response.body))
  }

  func send(
    _ method: HTTPMethod, _ target: String, of service: String,
    _ body: (any Encodable & Sendable)?, _ fields: [HTTPFieldName: String]
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target)
    if let body {
      // The same purchase again must be the same bytes: a key of another request is refused.
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      request.body = Array(try encoder.encode(body))
      request.fields[.contentType] = "application/json"
    }
    for (name, value) in fields { request.fields[name] = value }
    request.authority = "127.0.0.1:\(ports[service])"
    request.timeout = Self.answerWithin
    return try await client.handle(request)
  }
}

/// Where everything of a run goes.
struct BuyerAddress: Encodable {
  let name = "Load Buyer"
  let line1 = "1 High Street"
  let city = "Springfield"
  let postalCode = "12345"
  let country = "US"
}

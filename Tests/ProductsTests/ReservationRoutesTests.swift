import HTTPMessages
import JSONSyntax
import ServiceKit
import SharedKernel
import Testing

@testable import Products

@Suite("The routes for orders", .timeLimit(.minutes(5)))
struct ReservationRoutesTests {
  /// For requests that are refused and leave nothing behind.
  private static let refusing = Task { try await ProductsBench() }

  private struct View: Decodable {
    let orderId: OrderID
    let state: Reservation.State
    let lines: [ReservationLine]
    let version: Int
  }

  private func put(
    _ bench: ProductsBench, _ id: OrderID, _ variant: Int, _ quantity: Int = 1
  ) async throws -> HTTPResponse {
    try await bench.send(
      .put, "/internal/reservations/\(id)", as: "order-service",
      body: """
        {"lines":[{"variantId":\(variant),"quantity":\(quantity)}],
         "expiresAt":"\(Timestamp.now() + .seconds(600))"}
        """)
  }

  private func post(
    _ bench: ProductsBench, _ id: OrderID, _ command: String
  ) async throws -> HTTPResponse {
    try await bench.send(.post, "/internal/reservations/\(id)/\(command)", as: "order-service")
  }

  @Test("an order's stock is held, committed and released, each as often as it is asked")
  func life() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(5)
    let id = OrderID.new()
    let held = try await put(bench, id, variant, 2)
    #expect(held.status.code == 201)
    #expect(try held.decoded(as: View.self).state == .held)
    #expect(try await put(bench, id, variant, 2).status.code == 200)
    for _ in 0..<2 {
      #expect(try await post(bench, id, "commit").decoded(as: View.self).state == .committed)
    }
    for _ in 0..<2 {
      #expect(try await post(bench, id, "release").decoded(as: View.self).state == .released)
    }
    let shown: View = try await bench.send(
      .get, "/internal/reservations/\(id)", as: "order-service"
    ).decoded()
    #expect(shown.orderId == id)
    #expect(shown.lines == [ReservationLine(variantId: variant, quantity: 2)])
    let late = try await put(bench, id, variant, 2)
    #expect(late.problemKind == .reservationClosed)
    #expect(late.problemBody?["state"]?.textValue == "released")
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a first refusal is committed, told with what there is, and stays")
  func refusal() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(1)
    let id = OrderID.new()
    let refused = try await put(bench, id, variant, 2)
    #expect(refused.status.code == 409)
    #expect(refused.problemKind == .insufficientStock)
    let text = String(decoding: refused.body, as: UTF8.self)
    #expect(text.contains(#""available":1"#) && text.contains(#""variantId":\#(variant)"#))
    #expect(try await bench.state(id) == .refused)
    #expect(try await put(bench, id, variant, 2).problemKind == .insufficientStock)
    #expect(try await put(bench, id, variant, 1).problemKind == .validationFailed)
  }

  @Test("what cannot be meant is refused, and leaves no reservation")
  func invalid() async throws {
    let bench = try await ProductsBench()
    let id = OrderID.new()
    #expect(try await put(bench, id, 999).problemKind == .validationFailed)
    #expect(try await put(bench, id, 999, 0).problemKind == .validationFailed)
    #expect(try await bench.state(id) == nil)
    #expect(try await post(bench, id, "commit").problemKind == .notFound)
    let path = try await bench.send(
      .put, "/internal/reservations/x", as: "order-service", body: "{}")
    #expect(path.problemKind == .notFound)
  }

  @Test("reservations are the order service's alone", arguments: [nil, "staff", "user-service"])
  func access(token: String?) async throws {
    let bench = try await Self.refusing.value
    let path = "/internal/reservations/\(OrderID.new())"
    for response in [
      try await bench.send(.get, path, as: token),
      try await bench.send(.put, path, as: token, body: "{}"),
      try await bench.send(.post, path + "/release", as: token),
      try await bench.send(.get, "/internal/variants?ids=1", as: token),
    ] {
      #expect(response.problemKind == (token == nil ? .unauthenticated : .forbidden))
    }
  }

  @Test("an order copies price and availability of variants, by their own id or their product's")
  func snapshots() async throws {
    let bench = try await ProductsBench()
    let product = try await bench.make("Chair", #","initialStock":3"#)
    let response = try await bench.send(
      .get, "/internal/variants?productIds=\(product.id),999", as: "order-service")
    guard case .array(let list) = try JSONParser.parse(response.body), let first = list.first
    else {
      Issue.record("no snapshot")
      return
    }
    #expect(list.count == 1)
    #expect(first["productId"] == .number("\(product.id)"))
    #expect(first["available"] == .number("3"))
    #expect(first["isDefault"] == .bool(true))
    #expect(first["money"]?["amount"] == .number("1000"))
    for query in ["", "ids=x", "currency=USD", "ids=1&currency=XXX", "other=1"] {
      let refused = try await bench.send(
        .get, "/internal/variants?\(query)", as: "order-service")
      #expect(refused.problemKind == .validationFailed)
    }
  }
}

import HTTPMessages
import Postgres
import ServiceKit
import Testing

@testable import Products

@Suite("The warehouse's routes", .timeLimit(.minutes(5)))
struct StockRoutesTests {
  /// For requests that are refused and leave nothing behind.
  private static let refusing = Task {
    let bench = try await ProductsBench()
    return (bench, variant: try await bench.stock(1))
  }

  private struct Level: Decodable, Equatable {
    let onHand: Int
    let reserved: Int
    let available: Int
  }
  private struct Movement: Decodable {
    let id: Int
    let delta: Int
    let reason: String
    let note: String?
  }

  private func adjust(
    _ bench: ProductsBench, _ variant: Int, _ body: String, key: String? = nil
  ) async throws -> HTTPResponse {
    try await bench.send(
      .post, "/variants/\(variant)/stock-adjustments", as: "staff", body: body,
      fields: [.idempotencyKey: key ?? OrderID.new().description])
  }

  private func level(_ bench: ProductsBench, _ variant: Int) async throws -> Level {
    try await bench.send(.get, "/variants/\(variant)/stock", as: "staff").decoded()
  }

  @Test("adjustments move the level, and the ledger says why")
  func adjustments() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let damaged = try await adjust(
      bench, variant, #"{"delta":-3,"reason":"damaged","note":"fell"}"#)
    #expect(damaged.status.code == 201)
    #expect(try damaged.decoded(as: Movement.self).note == "fell")
    let counted = try await adjust(
      bench, variant, #"{"setTo":9,"expectedOnHand":7,"reason":"counted"}"#)
    #expect(try counted.decoded(as: Movement.self).delta == 2)
    #expect(try await level(bench, variant) == Level(onHand: 9, reserved: 0, available: 9))
    let ledger: [Movement] = try await bench.send(
      .get, "/variants/\(variant)/stock-movements", as: "staff"
    ).decoded()
    #expect(ledger.map(\.delta) == [2, -3, 10])
    #expect(ledger.map(\.reason) == ["counted", "damaged", "received"])
    #expect(try await bench.violations().isEmpty)
  }

  @Test("staff are told once each time that what is available comes down to the limit")
  func low() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    struct Data: Decodable, Equatable {
      let variantId: Int
      let sku: String
      let available: Int
      let lowStockAt: Int
    }
    func low() async throws -> [Int] {
      try await bench.database.values(
        """
        SELECT (data->>'available')::bigint FROM outbox
        WHERE type = 'stock.low' AND subject = \("\(variant)") ORDER BY id
        """)
    }
    _ = try await adjust(bench, variant, #"{"delta":-4,"reason":"damaged"}"#)
    #expect(try await low() == [])
    // Six are left; at five they are low.
    let held = OrderID.new()
    _ = try await bench.hold(held, [ReservationLine(variantId: variant, quantity: 2)])
    #expect(try await low() == [4])
    _ = try await adjust(bench, variant, #"{"delta":-1,"reason":"damaged"}"#)
    #expect(try await low() == [4])
    _ = try await bench.release(held)
    _ = try await adjust(bench, variant, #"{"delta":5,"reason":"received"}"#)
    #expect(try await low() == [4])
    _ = try await adjust(bench, variant, #"{"setTo":5,"expectedOnHand":10,"reason":"counted"}"#)
    #expect(try await low() == [4, 5])
    let short = try await bench.hold(.new(), [ReservationLine(variantId: variant, quantity: 6)])
    #expect(short.refusal != nil)
    #expect(try await low() == [4, 5])
    let data = try await bench.database.first(
      "SELECT data FROM outbox WHERE type = 'stock.low' ORDER BY id LIMIT 1"
    ) { try JSONDecoding.decode(Data.self, from: Array($0.next(as: JSONText.self).text.utf8)) }
    #expect(data?.variantId == variant)
    #expect(data?.lowStockAt == 5)
    #expect(data?.sku.hasPrefix("THING-") == true)
    let versions: [Int] = try await bench.database.values(
      """
      SELECT version FROM outbox WHERE type LIKE 'stock.%' AND subject = \("\(variant)")
      ORDER BY id
      """)
    #expect(zip(versions, versions.dropFirst()).allSatisfy(<))
    #expect(try await bench.violations().isEmpty)
  }

  @Test("an adjustment with the same key is made once; one without a key is not made")
  func keys() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let body = #"{"delta":5,"reason":"received"}"#
    for _ in 0..<3 {
      let response = try await adjust(bench, variant, body, key: "0123456789abcdef")
      #expect(response.status.code == 201)
    }
    #expect(try await level(bench, variant).onHand == 15)
    let without = try await bench.send(
      .post, "/variants/\(variant)/stock-adjustments", as: "staff", body: body)
    #expect(without.problemKind == .idempotencyKeyRequired)
  }

  @Test("what is reserved is not taken away, and a count of another level does not count")
  func refused() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    _ = try await bench.hold(.new(), [ReservationLine(variantId: variant, quantity: 8)])
    let below = try await adjust(bench, variant, #"{"delta":-3,"reason":"damaged"}"#)
    #expect(below.problemKind == .stockBelowReserved)
    #expect(below.problemBody?["reserved"] == .number("8"))
    let stale = try await adjust(
      bench, variant, #"{"setTo":9,"expectedOnHand":11,"reason":"counted"}"#)
    #expect(stale.problemKind == .preconditionFailed)
    let level = try await level(bench, variant)
    #expect(level == Level(onHand: 10, reserved: 8, available: 2))
    #expect(try await bench.violations().isEmpty)
  }

  @Test(
    "an adjustment that cannot be meant is refused",
    arguments: [
      "{}", #"{"reason":"other"}"#, #"{"delta":0,"reason":"other"}"#,
      #"{"delta":1,"setTo":1,"reason":"other"}"#, #"{"setTo":1,"reason":"other"}"#,
      #"{"delta":1,"reason":"shipped"}"#, #"{"delta":1.5,"reason":"other"}"#,
      #"{"delta":-9223372036854775808,"reason":"other"}"#,
      #"{"delta":1,"reason":"other","note":""}"#,
    ])
  func invalid(body: String) async throws {
    let (bench, variant) = try await Self.refusing.value
    #expect(try await adjust(bench, variant, body).problemKind == .validationFailed)
  }

  @Test("the ledger is read page by page, newest first; a cursor of another list is refused")
  func pages() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(1)
    for delta in 2...5 {
      _ = try await adjust(bench, variant, #"{"delta":\#(delta),"reason":"received"}"#)
    }
    var target: String? = "/variants/\(variant)/stock-movements?limit=2"
    var seen: [Int] = []
    while let next = target, seen.count < 20 {
      let response = try await bench.send(.get, next, as: "staff")
      seen += try response.decoded(as: [Movement].self).map(\.delta)
      target = response.fields[.link].map { String($0.dropFirst().prefix { $0 != ">" }) }
    }
    #expect(seen == [5, 4, 3, 2, 1])
    let counted = try await bench.send(
      .get, "/variants/\(variant)/stock-movements?limit=2&total=true", as: "staff")
    #expect(counted.fields["X-Total-Count"] == "5")
    for cursor in ["YQ", "MR8y", ""] {
      let response = try await bench.send(
        .get, "/variants/\(variant)/stock-movements?cursor=\(cursor)", as: "staff")
      #expect(response.problemKind == .validationFailed)
    }
  }

  @Test("the warehouse is for staff", arguments: [nil, "customer", "order-service"])
  func access(token: String?) async throws {
    let (bench, _) = try await Self.refusing.value
    for path in ["stock", "stock-movements"] {
      let response = try await bench.send(.get, "/variants/1/\(path)", as: token)
      #expect(response.problemKind == (token == nil ? .unauthenticated : .forbidden))
    }
    #expect(
      try await bench.send(.get, "/variants/9/stock", as: "staff").problemKind == .notFound)
  }
}

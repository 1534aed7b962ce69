import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Products

/// What leaves the house and what comes back, against the real database.
@Suite("Fulfilments and restocks", .timeLimit(.minutes(5)))
struct FulfilmentTests {
  private func line(_ variant: Int, _ quantity: Int = 1) -> ReservationLine {
    ReservationLine(variantId: variant, quantity: quantity)
  }

  private func committed(
    _ bench: ProductsBench, _ lines: [ReservationLine]
  ) async throws -> OrderID {
    let id = OrderID.new()
    _ = try await bench.hold(id, lines)
    _ = try await bench.commit(id)
    return id
  }

  @Test("shipped units leave stock and its reserved part, until the reservation is fulfilled")
  func ships() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = try await committed(bench, [line(variant, 5)])
    #expect(try await bench.fulfil(id, .new(), [line(variant, 2)]).state == .committed)
    #expect(try await bench.onHand(variant) == 8)
    #expect(try await bench.reserved(variant) == 3)
    #expect(try await bench.fulfil(id, .new(), [line(variant, 3)]).state == .fulfilled)
    #expect(try await bench.onHand(variant) == 5)
    #expect(try await bench.reserved(variant) == 0)
    #expect(try await bench.events().filter { $0 == "reservation.fulfilled" }.count == 2)
    #expect(try await bench.violations() == [])
  }

  @Test("one shipment many times at once ships once, and other units under its id are refused")
  func repeated() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = try await committed(bench, [line(variant, 5)])
    let shipment = ShipmentID.new()
    let outcomes = try await withThrowingTaskGroup(of: ReservationOutcome.self) { group in
      for _ in 0..<10 {
        group.addTask { try await bench.fulfil(id, shipment, [line(variant, 2)]) }
      }
      return try await group.reduce(into: [ReservationOutcome]()) { $0.append($1) }
    }
    #expect(outcomes.allSatisfy { $0.state == .committed })
    #expect(try await bench.onHand(variant) == 8)
    #expect(
      try await bench.fulfil(id, shipment, [line(variant, 1)]).refusal == .otherUnits)
    #expect(try await bench.violations() == [])
  }

  @Test("more than is left to ship, or of another variant, is refused with what is left")
  func overShipped() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let other = try await bench.stock(10)
    let id = try await committed(bench, [line(variant, 2)])
    #expect(
      try await bench.fulfil(id, .new(), [line(variant, 3)]).refusal
        == .overShipped(variantID: variant, remaining: 2))
    #expect(
      try await bench.fulfil(id, .new(), [line(other, 1)]).refusal
        == .overShipped(variantID: other, remaining: 0))
    _ = try await bench.fulfil(id, .new(), [line(variant, 2)])
    #expect(
      try await bench.fulfil(id, .new(), [line(variant, 1)]).refusal
        == .overShipped(variantID: variant, remaining: 0))
    #expect(try await bench.onHand(variant) == 8)
    #expect(try await bench.violations() == [])
  }

  @Test("what is only held or was given back cannot be shipped, nor what was shipped be released")
  func wrongState() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let held = OrderID.new()
    _ = try await bench.hold(held, [line(variant)])
    #expect(
      try await bench.fulfil(held, .new(), [line(variant)]).refusal == .closed(.held))
    _ = try await bench.release(held)
    #expect(
      try await bench.fulfil(held, .new(), [line(variant)]).refusal == .closed(.released))
    let shipped = try await committed(bench, [line(variant, 2)])
    _ = try await bench.fulfil(shipped, .new(), [line(variant)])
    #expect(try await bench.release(shipped).refusal == .closed(.fulfilled))
    await #expect(throws: NotFound.self) {
      try await bench.fulfil(.new(), .new(), [line(variant)])
    }
    #expect(try await bench.violations() == [])
  }

  @Test("over HTTP: units are shipped and come back once, each with its movement")
  func routes() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = try await committed(bench, [line(variant, 3)])
    let body = #"{"lines":[{"variantId":\#(variant),"quantity":3}]}"#
    let fulfilment = "/internal/reservations/\(id)/fulfilments/\(ShipmentID.new())"
    for _ in 0..<2 {
      let shipped = try await bench.send(.put, fulfilment, as: "order-service", body: body)
      #expect(shipped.status.code == 200)
    }
    let more = try await bench.send(
      .put, "/internal/reservations/\(id)/fulfilments/\(ShipmentID.new())", as: "order-service",
      body: body)
    #expect(more.problemKind == .overShipped)
    #expect(more.problemBody?["remaining"] == .number("0"))
    let restock = "/internal/restocks/\(RefundID.new())"
    for _ in 0..<2 {
      let received = try await bench.send(.put, restock, as: "order-service", body: body)
      #expect(received.status.code == 200)
    }
    #expect(try await bench.onHand(variant) == 10)
    let other = try await bench.send(
      .put, restock, as: "order-service",
      body: #"{"lines":[{"variantId":\#(variant),"quantity":1}]}"#)
    #expect(other.problemKind == .validationFailed)
    let unknown = try await bench.send(
      .put, "/internal/restocks/\(RefundID.new())", as: "order-service",
      body: #"{"lines":[{"variantId":999999,"quantity":1}]}"#)
    #expect(unknown.problemKind == .validationFailed)
    let refused = try await bench.send(.put, restock, as: "staff", body: body)
    #expect(refused.status.code == 403)
    let reasons: [String] = try await bench.database.values(
      "SELECT reason FROM stock_movements WHERE variant_id = \(variant) ORDER BY id")
    #expect(reasons.suffix(2) == ["shipped", "returned"])
    #expect(try await bench.violations() == [])
  }
}

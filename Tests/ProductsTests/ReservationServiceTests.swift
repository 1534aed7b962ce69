import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Products

/// Reservations as they are kept, against the real database.
@Suite("Keeping reservations", .timeLimit(.minutes(5)))
struct ReservationServiceTests {
  private func line(_ variant: Int, _ quantity: Int = 1) -> ReservationLine {
    ReservationLine(variantId: variant, quantity: quantity)
  }

  @Test("forty holds at once of ten units: exactly ten get one")
  func oversold() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let outcomes = try await withThrowingTaskGroup(of: ReservationOutcome.self) { group in
      for _ in 0..<40 { group.addTask { try await bench.hold(.new(), [line(variant)]) } }
      return try await group.reduce(into: [ReservationOutcome]()) { $0.append($1) }
    }
    #expect(outcomes.count { $0.state == .held && $0.isNew } == 10)
    let refusals = outcomes.compactMap(\.refusal)
    #expect(refusals.count == 30)
    for refusal in refusals {
      #expect(
        refusal
          == .insufficientStock([Shortage(variantID: variant, wanted: 1, available: 0)]))
    }
    #expect(try await bench.reserved(variant) == 10)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("holds of the same variants in any order do not wait for each other in a circle")
  func lockOrder() async throws {
    let bench = try await ProductsBench()
    let first = try await bench.stock(100)
    let second = try await bench.stock(100)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<20 {
        group.addTask {
          let lines = [line(first), line(second)]
          let id = OrderID.new()
          let held = try await bench.hold(id, index % 2 == 0 ? lines : lines.reversed())
          #expect(held.state == .held)
          if index % 2 == 1 { _ = try await bench.release(id) }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await bench.reserved(first) == 10)
    #expect(try await bench.reserved(second) == 10)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("the same hold many times at once takes the stock once")
  func repeated() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = OrderID.new()
    let outcomes = try await withThrowingTaskGroup(of: ReservationOutcome.self) { group in
      for _ in 0..<10 { group.addTask { try await bench.hold(id, [line(variant, 3)]) } }
      return try await group.reduce(into: [ReservationOutcome]()) { $0.append($1) }
    }
    #expect(outcomes.allSatisfy { $0.state == .held })
    #expect(outcomes.count { $0.isNew } == 1)
    #expect(try await bench.reserved(variant) == 3)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a hold is extended, never shortened")
  func extended() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = OrderID.new()
    func expiry() async throws -> Timestamp? {
      try await bench.reservations { try await $0.store.reservation(id)?.expiresAt }
    }
    _ = try await bench.hold(id, [line(variant)], for: .seconds(600))
    let first = try #require(try await expiry())
    _ = try await bench.hold(id, [line(variant)], for: .seconds(60))
    #expect(try await expiry() == first)
    _ = try await bench.hold(id, [line(variant)], for: .seconds(1200))
    let later = try #require(try await expiry())
    #expect(later > first)
    #expect(try await bench.reserved(variant) == 1)
  }

  @Test("what is short is taken from no line, and the refusal stays even when stock arrives")
  func refused() async throws {
    let bench = try await ProductsBench()
    let plenty = try await bench.stock(10)
    let short = try await bench.stock(1)
    let id = OrderID.new()
    let lines = [line(plenty, 2), line(short, 2)]
    let refused = try await bench.hold(id, lines)
    #expect(
      refused.refusal
        == .insufficientStock([Shortage(variantID: short, wanted: 2, available: 1)]))
    #expect(try await bench.reserved(plenty) == 0)
    #expect(try await bench.state(id) == .refused)
    let added = try await bench.send(
      .post, "/variants/\(short)/stock-adjustments", as: "staff",
      body: #"{"delta":5,"reason":"received"}"#, fields: [.idempotencyKey: "0123456789abcdef"])
    #expect(added.status.code == 201)
    #expect(try await bench.hold(id, lines).refusal == .insufficientStock([]))
    #expect(try await bench.commit(id).refusal == .closed(.refused))
    #expect(try await bench.release(id).state == .refused)
    #expect(try await bench.hold(.new(), lines).state == .held)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a release that comes before its hold closes the door to it")
  func tombstone() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = OrderID.new()
    #expect(try await bench.release(id).state == .released)
    #expect(try await bench.hold(id, [line(variant)]).refusal == .closed(.released))
    #expect(try await bench.commit(id).refusal == .closed(.released))
    #expect(try await bench.release(id).state == .released)
    #expect(try await bench.reserved(variant) == 0)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a hold and its release at once leave nothing reserved in the end")
  func race() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    for _ in 0..<10 {
      let id = OrderID.new()
      async let held = bench.hold(id, [line(variant)])
      async let released = bench.release(id)
      let outcomes = try await (held: held, released: released)
      #expect(outcomes.released.state == .released)
      #expect(outcomes.held.state == .held || outcomes.held.refusal == .closed(.released))
      #expect(try await bench.state(id) == .released)
      #expect(try await bench.reserved(variant) == 0)
    }
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a hold whose time is over gives its units back, and may be held or committed anew")
  func expired() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(5)
    let id = OrderID.new()
    _ = try await bench.hold(id, [line(variant, 3)])
    try await bench.reservations { try await $0.expire(id, now: .now()) }
    #expect(try await bench.state(id) == .held)  // not yet
    try await bench.expire(id)
    #expect(try await bench.state(id) == .expired)
    #expect(try await bench.reserved(variant) == 0)
    try await bench.expire(id)
    #expect(try await bench.reserved(variant) == 0)

    // While another has the units it stays expired; it is no refusal for good.
    let other = OrderID.new()
    _ = try await bench.hold(other, [line(variant, 3)])
    #expect(try await bench.commit(id).refusal?.kind == .insufficientStock)
    #expect(try await bench.hold(id, [line(variant, 3)]).refusal?.kind == .insufficientStock)
    #expect(try await bench.state(id) == .expired)
    _ = try await bench.release(other)
    #expect(try await bench.commit(id).state == .committed)
    #expect(try await bench.reserved(variant) == 3)
    try await bench.expire(id)
    #expect(try await bench.state(id) == .committed)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("an expired hold that is released stays so: what comes late takes nothing anew")
  func releasedLate() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(5)
    let id = OrderID.new()
    _ = try await bench.hold(id, [line(variant, 3)])
    try await bench.expire(id)
    #expect(try await bench.release(id).state == .released)
    #expect(try await bench.commit(id).refusal == .closed(.released))
    #expect(try await bench.hold(id, [line(variant, 3)]).refusal == .closed(.released))
    #expect(try await bench.state(id) == .released)
    #expect(try await bench.reserved(variant) == 0)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("what is committed is given back once by its release")
  func released() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(5)
    let id = OrderID.new()
    _ = try await bench.hold(id, [line(variant, 5)])
    #expect(try await bench.commit(id).state == .committed)
    #expect(try await bench.commit(id).state == .committed)
    #expect(try await bench.hold(id, [line(variant, 5)]).state == .committed)
    #expect(try await bench.release(id).state == .released)
    #expect(try await bench.release(id).state == .released)
    #expect(try await bench.reserved(variant) == 0)
    #expect(
      try await bench.events().filter { $0.hasPrefix("reservation.") } == [
        "reservation.held", "reservation.committed", "reservation.released",
      ])
    #expect(try await bench.violations().isEmpty)
  }

  @Test("a commit of what nobody held is refused, and so is a variant that nobody sells")
  func unknown() async throws {
    let bench = try await ProductsBench()
    await #expect(throws: NotFound.self) { try await bench.commit(.new()) }
    let id = OrderID.new()
    await #expect(throws: ReservationError.unknownVariants([999])) {
      try await bench.hold(id, [line(999)])
    }
    #expect(try await bench.state(id) == nil)
  }

  @Test(
    "whatever is done at once in whatever order, what is reserved is what is held and committed")
  func invariants() async throws {
    let bench = try await ProductsBench()
    var variants: [Int] = []
    for _ in 0..<3 { variants.append(try await bench.stock(8)) }
    let ids = (0..<8).map { _ in OrderID.new() }
    let stocked = variants
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<6 {
        group.addTask {
          for step in 0..<25 {
            // Every worker goes through the orders and the commands in its own order.
            let number = worker * 7 + step * (worker + 1)
            let id = ids[number % ids.count]
            let lines = [line(stocked[id.uuid.low % 3 == 0 ? 0 : 1], 2), line(stocked[2])]
            switch (number / 3) % 4 {
            case 0, 1: _ = try await bench.hold(id, lines)
            case 2:
              do { _ = try await bench.commit(id) } catch is NotFound {}
            default:
              if number % 5 == 0 {
                _ = try await bench.release(id)
              } else {
                try await bench.expire(id)
              }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await bench.violations().isEmpty)
  }

  @Test("the database itself refuses to oversell and to rewrite the warehouse's ledger")
  func constraint() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(5)
    for statement: SQL in [
      "UPDATE stock SET reserved = 6 WHERE variant_id = \(variant)",
      "UPDATE stock SET reserved = -1 WHERE variant_id = \(variant)",
    ] {
      let error = await #expect(throws: PostgresError.self) {
        try await bench.database.execute(statement)
      }
      #expect(error?.isCheckViolation("stock_not_oversold") == true)
    }
    for statement: SQL in ["UPDATE stock_movements SET delta = 0", "DELETE FROM stock_movements"] {
      let error = await #expect(throws: PostgresError.self) {
        try await bench.database.execute(statement)
      }
      #expect(error?.sqlState == "42501")
    }
  }
}

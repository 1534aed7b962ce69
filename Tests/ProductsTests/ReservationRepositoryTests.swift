import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Products

@Suite("Reservations in the database", .timeLimit(.minutes(5)))
struct ReservationRepositoryTests {
  @Test("the expirer gives back what is due, and leaves alone what is not or is committed")
  func expirer() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let lines = [ReservationLine(variantId: variant, quantity: 2)]
    let due = [OrderID.new(), .new()]
    let committed = OrderID.new()
    let later = OrderID.new()
    for id in due + [committed, later] { _ = try await bench.hold(id, lines) }
    _ = try await bench.commit(committed)
    try await bench.database.execute(
      """
      UPDATE reservations SET expires_at = now() - interval '1 second' WHERE order_id <> \(later)
      """)
    let expirer = ReservationExpirer(
      database: bench.database, outbox: Outbox(signal: FeedSignal()))
    let run = Task { try await expirer.run() }
    defer { run.cancel() }
    var reserved = try await bench.reserved(variant)
    while reserved != 4 {
      await Task.yield()
      reserved = try await bench.reserved(variant)
    }
    for id in due { #expect(try await bench.state(id) == .expired) }
    #expect(try await bench.state(committed) == .committed)
    #expect(try await bench.state(later) == .held)
    #expect(try await bench.events().count { $0 == "reservation.expired" } == 2)
    #expect(try await bench.violations().isEmpty)
  }

  @Test("of two transactions on one reservation the second waits for the first")
  func locked() async throws {
    let bench = try await ProductsBench()
    let variant = try await bench.stock(10)
    let id = OrderID.new()
    _ = try await bench.hold(id, [ReservationLine(variantId: variant, quantity: 2)])
    try await withThrowingTaskGroup(of: Reservation.State?.self) { group in
      for _ in 0..<5 { group.addTask { try await bench.commit(id).state } }
      for try await state in group { #expect(state == .committed) }
    }
    // One commit changed it, the others found it done.
    let version = try await bench.reservations { try await $0.store.reservation(id)?.version }
    #expect(version == 3)
    #expect(try await bench.events().count { $0 == "reservation.committed" } == 1)
  }
}

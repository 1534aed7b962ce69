import Postgres
import SharedKernel
import Testing

@testable import Orders

@Suite struct FollowUpRepositoryTests {
  @Test("who waits too long for another that changes the order is told of that, not of its key")
  func orderHeld() async throws {
    let bench = try await OrdersBench(lockTimeout: "1s")
    let order = try await bench.place()
    let key = OrdersBench.key(of: 2)
    try await bench.database.transaction { transaction in
      try await transaction.execute("SELECT FROM orders WHERE id = \(order.id) FOR UPDATE")
      await #expect(throws: OrderError.operationInProgress) {
        try await bench.ship(order, 1, key: key)
      }
    }
    #expect(try await bench.ship(order, 1, key: key).subject.status == .shipped)
  }

  @Test("who waits too long for the first request with the same key is told so")
  func keyHeld() async throws {
    let bench = try await OrdersBench(lockTimeout: "1s")
    let (order, other) = (try await bench.place(), try await bench.place())
    let key = OrdersBench.key(of: 2)
    try await bench.database.transaction { transaction in
      try await transaction.execute(
        """
        INSERT INTO order_commands (principal, idem_key, fingerprint, order_id, kind, ref_id)
        VALUES (\(key.principal), \(key.key), \(key.fingerprint), \(other.id), 'ship',
          \(UUID128.v7()))
        """)
      await #expect(throws: OrderError.keyInProgress) {
        try await bench.ship(order, 1, key: key)
      }
    }
  }
}

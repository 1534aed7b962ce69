import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderRepositoryTests {
  private struct Shape: Decodable {
    let paymentStatus: PaymentStatus
  }

  @Test("the few orders that need attention are found by an index among many that do not")
  func attention() async throws {
    let bench = try await OrdersBench()
    try await bench.database.execute(
      """
      INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, currency, subtotal,
        total, payment_id, state)
      SELECT gen_random_uuid(), 'anon', i::text, ''::bytea, 'automatic', 'USD', 0, 0,
        gen_random_uuid(), 'pending'
      FROM generate_series(1, 5000) AS i
      """)
    try await bench.asOwner("ANALYZE orders.orders")
    let filter = OrderFilter(needsAttention: true)
    let conditions = SQL.joined(OrderRepository.conditions(filter), separator: " AND ")
    let plan: [String] = try await bench.database.values(
      """
      EXPLAIN SELECT o.id FROM orders o WHERE \(conditions)
      ORDER BY o.created_at DESC, o.id DESC LIMIT 21
      """)
    #expect(plan.contains { $0.contains("orders_attention") }, "\(plan)")
  }

  @Test("an order is listed under the one payment status that it shows")
  func paymentStatuses() async throws {
    let bench = try await OrdersBench()
    let figures: [(authorized: Int64, captured: Int64, refunded: Int64, isVoided: Bool)] = [
      (0, 0, 0, false), (0, 0, 0, true), (1000, 0, 0, false), (1000, 400, 0, false),
      (1000, 1000, 0, false), (1000, 1000, 300, false), (1000, 1000, 1000, false),
      (1000, 400, 400, false), (1000, 400, 300, false), (1000, 400, 400, true),
      (400, 400, 400, true), (400, 400, 400, false),
    ]
    for figures in figures {
      let order = try await bench.place(wait: .zero)
      try await bench.database.execute(
        """
        UPDATE orders SET authorized = \(figures.authorized), captured = \(figures.captured),
          refunded = \(figures.refunded), payment_voided = \(figures.isVoided)
        WHERE id = \(order.id)
        """)
    }
    var listed = 0
    for status in PaymentStatus.allCases {
      let list = try await bench.orders.store.list(
        OrderFilter(paymentStatus: status), PageRequest(), isForOwner: true)
      let shown = try JSONDecoding.decode([Shape].self, from: list.json, allowingUnknown: true).map(
        \.paymentStatus)
      #expect(shown.allSatisfy { $0 == status }, "\(status)")
      listed += shown.count
    }
    #expect(listed == figures.count)
  }
}

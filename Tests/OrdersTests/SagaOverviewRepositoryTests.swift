import Postgres
import SharedKernel
import Testing

@testable import Orders

@Suite struct SagaOverviewRepositoryTests {
  @Test("the few sagas that run, or are parked, are found by an index among many that are done")
  func indexes() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place()
    try await bench.database.execute(
      """
      INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, state, finished_at)
      SELECT gen_random_uuid(), 'refund', gen_random_uuid(), \(order.id), 'R1', 'forward', 'done', now()
      FROM generate_series(1, 5000)
      """)
    try await bench.asOwner("ANALYZE orders.sagas")
    let running = try await plan(SagaFilter(isDone: false), bench)
    #expect(running.contains("sagas_due") || running.contains("sagas_one_running"), "\(running)")
    let parked = try await plan(SagaFilter(isParked: true), bench)
    #expect(parked.contains("sagas_parked"), "\(parked)")
  }

  private func plan(_ filter: SagaFilter, _ bench: OrdersBench) async throws -> String {
    let conditions = SQL.joined(SagaOverviewRepository.conditions(filter), separator: " AND ")
    return try await bench.database.values(
      "EXPLAIN SELECT id FROM sagas WHERE \(conditions) ORDER BY id DESC LIMIT 21"
    ).joined(separator: "\n")
  }

  @Test("sagas are told apart by whether they are done or parked")
  func filters() async throws {
    let bench = try await OrdersBench()
    let done = try await bench.place()
    let running = try await bench.place(wait: .zero)
    let parked = try await bench.place(wait: .zero)
    try await bench.database.execute(
      "UPDATE sagas SET parked_at = now() WHERE order_id = \(parked.id)")
    func orders(_ filter: SagaFilter) async throws -> Set<OrderID> {
      let page = try await SagaOverviewRepository(database: bench.database)
        .sagas(filter, PageRequest())
      return Set(page.elements.map(\.orderId))
    }
    #expect(try await orders(SagaFilter(isDone: true)) == [done.id])
    #expect(try await orders(SagaFilter(isDone: false)) == [running.id, parked.id])
    #expect(try await orders(SagaFilter(isParked: true)) == [parked.id])
    #expect(try await orders(SagaFilter(isParked: false)) == [done.id, running.id])
  }
}

import JSONSyntax
import Postgres
import SharedKernel
import Testing

@testable import Orders
@testable import ServiceKit

@Suite struct AccountFeedRepositoryTests {
  private let user = UserID.new()

  private func order(_ token: String, in bench: OrdersBench) async throws -> Order {
    try await bench.orders.place(
      OrdersBench.request(token), by: user, OrdersBench.key(), wait: .seconds(5)
    ).order
  }

  private func delete(_ user: UserID, in bench: OrdersBench) async throws {
    let event = FeedEvent(
      id: .v7(), type: "user.deleted", subject: "\(user)", position: 1, version: 2, time: .now(),
      traceparent: nil, isReplay: false,
      payload: try JSONParser.parse(Array(#"{"userId":"\#(user)"}"#.utf8)))
    for _ in 0..<2 {
      try await bench.database.transaction { transaction in
        try await AccountFeedRepository().apply(event, in: transaction)
      }
    }
  }

  private func names(_ bench: OrdersBench, _ order: Order) async throws -> [String?] {
    try await bench.database.query(
      """
      SELECT o.email, a.name FROM orders o JOIN order_addresses a ON a.order_id = o.id
      WHERE o.id = \(order.id)
      """
    ) { [try $0.next(as: String?.self), try $0.next(as: String?.self)] }.first ?? []
  }

  @Test("an order that has ended no longer says whose it was, and still adds up")
  func ended() async throws {
    let bench = try await OrdersBench()
    let declined = try await order("tok_declined", in: bench)
    let others = try await bench.place("tok_declined")
    #expect(declined.state == .cancelled)
    try await delete(user, in: bench)
    #expect(try await names(bench, declined) == [nil, "Deleted"])
    #expect(try await names(bench, others) == ["ada@example.com", "Ada"])
    let now = try await bench.orders.order(declined.id)
    #expect(now.email == nil)
    #expect(now.version == declined.version + 1)
    #expect(try await bench.violations() == [])
  }

  @Test("one that is under way keeps its address until it has ended")
  func underWay() async throws {
    let bench = try await OrdersBench()
    let confirmed = try await order("tok_ok", in: bench)
    try await delete(user, in: bench)
    #expect(try await names(bench, confirmed) == ["ada@example.com", "Ada"])
    try await bench.database.execute(
      "UPDATE orders SET state = 'delivered' WHERE id = \(confirmed.id)")
    let feed = AccountFeedRepository()
    #expect(try await bench.database.transaction { try await feed.sweep(in: $0) } == 1)
    #expect(try await names(bench, confirmed) == [nil, "Deleted"])
    #expect(try await bench.database.transaction { try await feed.sweep(in: $0) } == 0)
  }
}

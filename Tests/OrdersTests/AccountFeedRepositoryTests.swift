import JSONSyntax
import Postgres
import SharedKernel
import Testing

@testable import Orders
@testable import ServiceKit

@Suite struct AccountFeedRepositoryTests {
  private let user = UserID.new()

  private func order(
    _ token: String, of buyer: UserID? = nil, in bench: OrdersBench
  ) async throws -> Order {
    try await bench.orders.place(
      OrdersBench.request(token), by: buyer ?? user, OrdersBench.key(), wait: .seconds(5)
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
    #expect(try await sweep(bench) == AccountFeedRepository.Swept(orders: 1))
    #expect(try await names(bench, confirmed) == [nil, "Deleted"])
    #expect(try await sweep(bench) == AccountFeedRepository.Swept())
  }

  @Test("an event looks at its own user alone")
  func ownUser() async throws {
    let bench = try await OrdersBench()
    let confirmed = try await order("tok_ok", in: bench)
    try await delete(user, in: bench)
    try await bench.database.execute(
      "UPDATE orders SET state = 'delivered' WHERE id = \(confirmed.id)")
    try await delete(.new(), in: bench)
    #expect(try await names(bench, confirmed) == ["ada@example.com", "Ada"])
  }

  @Test("a user of whom nothing is left is looked at for one more day, and never again")
  func done() async throws {
    let bench = try await OrdersBench()
    let underWay = UserID.new()
    let confirmed = try await order("tok_ok", of: underWay, in: bench)
    for user in [user, underWay] { try await delete(user, in: bench) }
    // Bought with a token that outlived the account.
    let late = try await order("tok_declined", in: bench)
    #expect(try await sweep(bench).orders == 1)
    #expect(try await names(bench, late) == [nil, "Deleted"])
    #expect(try await watched(bench) == [user, underWay])

    try await bench.asOwner("UPDATE orders.deleted_users SET at = at - interval '25 hours'")
    #expect(try await sweep(bench).orders == 0)
    #expect(try await watched(bench) == [underWay])
    try await bench.database.execute(
      "UPDATE orders SET state = 'delivered' WHERE id = \(confirmed.id)")
    #expect(try await sweep(bench).orders == 1)
    #expect(try await watched(bench) == [])
  }

  @Test("a sweep takes so many users at a time, and comes by all of them")
  func bounded() async throws {
    let bench = try await OrdersBench()
    let users = (0..<3).map { _ in UserID.new() }
    for user in users {
      let confirmed = try await order("tok_ok", of: user, in: bench)
      try await delete(user, in: bench)
      try await bench.database.execute(
        "UPDATE orders SET state = 'delivered' WHERE id = \(confirmed.id)")
    }
    let first = try await sweep(bench, usersMax: 2)
    #expect(first.orders == 2)
    #expect(first.last == users.sorted { "\($0)" < "\($1)" }[1])
    let rest = try await sweep(bench, after: first.last, usersMax: 2)
    #expect(rest == AccountFeedRepository.Swept(orders: 1))
  }

  private func sweep(
    _ bench: OrdersBench, after last: UserID? = nil,
    usersMax: Int = AccountFeedRepository.usersMax
  ) async throws -> AccountFeedRepository.Swept {
    try await bench.database.transaction {
      try await AccountFeedRepository().sweep(after: last, usersMax: usersMax, in: $0)
    }
  }

  /// The users that a sweep still looks at.
  private func watched(_ bench: OrdersBench) async throws -> Set<UserID> {
    Set(try await bench.database.values("SELECT user_id FROM deleted_users WHERE done_at IS NULL"))
  }
}

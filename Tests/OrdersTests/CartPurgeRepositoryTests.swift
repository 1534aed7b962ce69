import HTTPMessages
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

@Suite("Carts that nobody touches") struct CartPurgeRepositoryTests {
  private struct MadeCart: Decodable {
    let id: CartID
    let accessToken: String?
  }

  private let shop: RoutesBench
  private var database: Database { shop.bench.database }
  private var carts: CartPurgeRepository { CartPurgeRepository(database: database) }

  init() async throws { shop = try await RoutesBench() }

  /// A guest's cart with one line, last changed so many days ago.
  private func cart(daysAgo: Int) async throws -> CartID {
    let cart = try await shop.send(.post, "/carts").decoded(as: MadeCart.self)
    _ = try await shop.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken, body: #"{"quantity":1}"#)
    try await age(cart.id, days: daysAgo)
    return cart.id
  }

  private func age(_ cart: CartID, days: Int) async throws {
    try await database.execute(
      """
      UPDATE carts SET updated_at = now() - make_interval(days => \(Int32(days)))
      WHERE id = \(cart)
      """)
  }

  private func kept() async throws -> Set<CartID> {
    Set(try await database.values("SELECT id FROM carts", as: CartID.self))
  }

  @Test("are removed with their lines once their time is over, the oldest first, in batches")
  func batches() async throws {
    let fresh = try await cart(daysAgo: CartPurgeRepository.keptDays - 1)
    var old: [CartID] = []
    for days in [3, 1, 2] {
      old.append(try await cart(daysAgo: CartPurgeRepository.keptDays + days))
    }
    #expect(try await carts.purge(batchMax: 2) == 2)
    #expect(try await kept() == [fresh, old[1]])
    #expect(try await carts.purge(batchMax: 2) == 1)
    #expect(try await carts.purge(batchMax: 2) == 0)
    #expect(try await kept() == [fresh])
    let lines: [CartID] = try await database.values("SELECT cart_id FROM cart_lines")
    #expect(lines == [fresh])
  }

  @Test("stay while an order is made of them, and for good when it was confirmed")
  func ordered() async throws {
    let bench = shop.bench
    let bought = try await cart(daysAgo: 200)
    let locked = try await cart(daysAgo: 200)
    let cancelled = try await cart(daysAgo: 200)
    for (cart, state) in [(bought, "confirmed"), (locked, "pending"), (cancelled, "cancelled")] {
      let order = try await bench.place(wait: .zero)
      let reason = state == "cancelled" ? "requested" : nil
      try await database.execute(
        """
        UPDATE orders SET cart_id = \(cart), state = \(state), cancel_reason = \(reason)
        WHERE id = \(order.id)
        """)
      let status = ["confirmed": "converted", "pending": "locked"][state] ?? "open"
      try await database.execute(
        """
        UPDATE carts SET status = \(status),
          order_id = CASE WHEN \(status == "open") THEN NULL ELSE \(order.id) END
        WHERE id = \(cart)
        """)
    }
    #expect(try await carts.purge() == 1)
    #expect(try await kept() == [bought, locked])
    let named: [CartID?] = try await database.query(
      "SELECT cart_id FROM orders WHERE state = 'cancelled'"
    ) { try $0.next() }
    #expect(named == [nil])
  }

  @Test("that went into a user's are removed before that one")
  func merged() async throws {
    let user = UserID.new()
    let own = try await shop.send(.post, "/carts", as: "\(user)").decoded(as: MadeCart.self).id
    let guest = try await shop.send(.post, "/carts").decoded(as: MadeCart.self)
    let claimed = try await shop.send(
      .post, "/carts/\(guest.id)/claim", as: "\(user)",
      body: #"{"accessToken":"\#(guest.accessToken ?? "")"}"#)
    #expect(claimed.status == .ok)
    try await age(guest.id, days: 100)
    try await age(own, days: 100)
    #expect(try await carts.purge() == 1)
    #expect(try await kept() == [own])
    #expect(try await carts.purge() == 1)
    #expect(try await kept().isEmpty)
  }

  @Test("are passed over while somebody is just changing them")
  func inUse() async throws {
    let cart = try await cart(daysAgo: 100)
    let carts = carts
    try await database.transaction { transaction in
      try await transaction.execute("SELECT FROM carts WHERE id = \(cart) FOR UPDATE")
      #expect(try await carts.purge() == 0)
    }
    #expect(try await carts.purge() == 1)
  }
}

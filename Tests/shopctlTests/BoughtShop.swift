import EventLoops
import Foundation
import Postgres
import Testing

@testable import shopctl

/// A shop that customers have bought from in each way that checkout can end, at rest, its services
/// stopped: for whoever looks at what it left in the database.
struct BoughtShop: Sendable {
  /// How long a busy machine may take to come to rest.
  private static let restWithin: Duration = .seconds(120)
  private static let made = Task { try await BoughtShop() }

  let shop: MigratedShop
  /// What each customer saw, in the order of their purchases.
  let experiences: [Shopper.Experience]
  let rows: [ClientsView.Row]

  /// The one of this test process, made by the first call.
  static func shared() async throws -> BoughtShop { try await made.value }

  private static let cards = [
    "tok_ok", "tok_ok", "tok_insufficient_funds", "tok_requires_action", "tok_capture_fails",
    "tok_error_twice_then_ok", "tok_ok", "tok_ok",
  ]

  private init() async throws {
    let running = try await RunningShop(settings: RunningShop.hasty)
    shop = running.shop
    try await Self.subscribe(shop)
    let storefront = Storefront(ports: running.ports)
    let shopper = Shopper(
      shop: storefront, staff: StaffDesk(storefront), patientUntil: .now + Self.restWithin)
    var purchases = Self.cards.enumerated().map { index, card in
      Purchase(
        index: index, due: .zero,
        items: [.init(productID: index % 3 + 1, quantity: 2), .init(productID: 5, quantity: 1)],
        paymentToken: card, isRegretted: index == 1, isFromCart: index == 2 || index >= 6,
        sequel: index == 6 ? .shipped : index == 7 ? .refunded : .none)
    }
    // More than there is of anything.
    purchases.append(
      Purchase(
        index: purchases.count, due: .zero, items: [.init(productID: 2, quantity: 999)],
        paymentToken: "tok_ok", isRegretted: false))
    var seen: [Shopper.Experience] = []
    for purchase in purchases { seen.append(await shopper.visit(purchase)) }
    experiences = seen
    let admin = shop.site.admin
    let moving = await AtRest(admin: admin).wait(atMost: Self.restWithin)
    try #require(moving == [], "the shop does not come to rest")
    rows = try await admin.snapshot { try await ClientsView.rows(ofRun: storefront.run, in: $0) }
    running.stop()
  }

  /// Has an endpoint of a merchant be told of all that happens; nobody answers there.
  private static func subscribe(_ shop: MigratedShop) async throws {
    try await shop.withDatabase { database in
      _ = try await database.execute(
        """
        INSERT INTO notification.webhook_endpoints (id, url, types, description, state, secret,
          subscribed_at)
        VALUES (gen_random_uuid(), 'https://books.example/hook',
          ARRAY['order.confirmed', 'order.cancelled', 'payment.declined'], '', 'enabled', '',
          now() - interval '1 minute')
        """)
    }
  }

  /// The number of the order of a purchase.
  func number(of purchase: Int) throws -> Int64 {
    try #require(rows.first { $0.key == experiences[purchase].key }).number
  }

  private struct Undo: Error {}

  /// What is found after `statements`, which are undone again.
  func verification(
    of checks: [Check] = Check.all, after statements: [SQL]
  ) async throws -> Verification {
    var found: Verification?
    do {
      try await shop.withDatabase { database in
        try await database.transaction { transaction in
          for statement in statements { _ = try await transaction.execute(statement) }
          found = try await Verification(checks, in: transaction, shownMax: 3)
          throw Undo()
        }
      }
    } catch is Undo {}
    return try #require(found)
  }
}

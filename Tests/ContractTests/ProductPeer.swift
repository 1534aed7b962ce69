import CoreHTTP
import Postgres
import ServiceKit

@testable import Products

/// The product service's routes over a seeded database.
enum ProductPeer {
  static func router(in shop: ShopDatabase) async throws -> (Router, Database) {
    let url = try await shop.addSchema("product", role: "product_app")
    try await Migrator.run(
      commonMigrations(appRole: "product_app") + productMigrations, schema: "product",
      on: shop.url)
    let owner = try await shop.owner(of: "product")
    try await ProductSeedRepository(database: owner).run()
    await owner.close()
    let database = try ShopDatabase.open(url)
    let outbox = Outbox(signal: FeedSignal())
    var routes = Routes(
      kit: RouterUpstream.kit(
        database, secrets: try ServiceSecrets(key: [UInt8](repeating: 1, count: 32))))
    ReservationRoutes(
      service: ReservationService(store: ReservationRepository(runner: database, outbox: outbox)),
      within: {
        ReservationService(store: ReservationRepository(runner: $0.transaction, outbox: outbox))
      },
      stock: { StockService(store: StockRepository(runner: $0.transaction, outbox: outbox)) },
      snapshots: { try await VariantSnapshotRepository(runner: database).snapshots($0) }
    ).add(to: &routes)
    return (routes.router, database)
  }

  /// Units of a variant that are on hand and reserved.
  static func stock(
    of variant: Int, in database: Database
  ) async throws -> (onHand: Int, reserved: Int) {
    try await database.first(
      "SELECT on_hand, reserved FROM stock WHERE variant_id = \(variant)"
    ) { (try $0.next(), try $0.next()) } ?? (0, 0)
  }

  static func violations(in database: Database) async throws -> [String] {
    try await ContractTests.violations(of: productInvariants, in: database)
  }
}

/// What breaks a service's invariants; empty when all hold.
func violations(of invariants: [Invariant], in database: Database) async throws -> [String] {
  var found: [String] = []
  for invariant in invariants {
    found += try await database.values(invariant.violations, as: String.self)
  }
  return found
}

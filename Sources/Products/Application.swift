import CoreHTTP
package import Postgres
package import ServiceKit
import SharedKernel

/// The product service: catalogue, warehouse and reservations.
package struct ProductApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "product-service", short: "product", schema: "product", port: 8081)
  package static let migrations = productMigrations
  package static let openAPI = PackageResources.openapi_yaml

  /// CATALOGUE_CACHE_BYTES when it is not set.
  private static let cacheBytesDefault = 256 * 1024 * 1024

  private let context: ServiceContext
  private let cacheBytesMax: Int

  package init(_ context: ServiceContext) throws {
    self.context = context
    cacheBytesMax = try context.settings.reading {
      $0.integer("CATALOGUE_CACHE_BYTES", default: Self.cacheBytesDefault, in: 0...1 << 36)
    }
  }

  package func addRoutes(to routes: inout Routes) {
    let database = context.database
    let outbox = context.outbox
    ProductRoutes(
      catalogue: CatalogueRepository(
        database: database,
        cache: cacheBytesMax > 0 ? CatalogueCache(bytesMax: cacheBytesMax) : nil),
      service: ProductService(store: ProductRepository(runner: database, outbox: outbox)),
      within: {
        ProductService(store: ProductRepository(runner: $0.transaction, outbox: outbox))
      }
    ).add(to: &routes)
    StockRoutes(
      service: StockService(store: StockRepository(runner: database, outbox: outbox)),
      within: { StockService(store: StockRepository(runner: $0.transaction, outbox: outbox)) }
    ).add(to: &routes)
    ReservationRoutes(
      service: ReservationService(store: ReservationRepository(runner: database, outbox: outbox)),
      within: {
        ReservationService(store: ReservationRepository(runner: $0.transaction, outbox: outbox))
      },
      stock: { StockService(store: StockRepository(runner: $0.transaction, outbox: outbox)) },
      snapshots: { try await VariantSnapshotRepository(runner: database).snapshots($0) }
    ).add(to: &routes)
  }

  package var workers: [Worker] {
    let expirer = ReservationExpirer(database: context.database, outbox: context.outbox)
    let pruner = CatalogueChangePruner(database: context.database)
    return [
      Worker("reservation-expirer") { try await expirer.run() },
      Worker("catalogue-change-pruner") { try await pruner.run() },
    ]
  }

  package var invariants: [Invariant] { productInvariants }

  package static func seed(_ database: Database) async throws {
    try await ProductSeedRepository(database: database).run()
  }
}

/// I1 and I2 of the contract, in this schema.
let productInvariants = [
  Invariant(
    "I1", "reserved units are those of held and committed lines, and no more than there are",
    violations: """
      SELECT format('variant %s: on hand %s, reserved %s, lines %s', s.variant_id, s.on_hand,
        s.reserved, coalesce(line.units, 0))
      FROM stock s LEFT JOIN (
        SELECT l.variant_id, sum(l.quantity - l.fulfilled) AS units
        FROM reservation_lines l JOIN reservations r USING (order_id)
        WHERE r.state IN ('held', 'committed') GROUP BY l.variant_id
      ) AS line USING (variant_id)
      WHERE s.reserved <> coalesce(line.units, 0) OR s.reserved < 0 OR s.reserved > s.on_hand
      """),
  Invariant(
    "I2", "units on hand are the sum of stock movements",
    violations: """
      SELECT format('variant %s: on hand %s, movements %s', s.variant_id, s.on_hand,
        coalesce(moved.units, 0))
      FROM stock s LEFT JOIN (
        SELECT variant_id, sum(delta) AS units FROM stock_movements GROUP BY variant_id
      ) AS moved USING (variant_id)
      WHERE s.on_hand <> coalesce(moved.units, 0)
      """),
]

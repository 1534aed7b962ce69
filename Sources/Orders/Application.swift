import CoreHTTP
import Logging
package import Postgres
package import ServiceKit
import SharedKernel

/// The order service: the composition root.
package struct OrderApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "order-service", short: "order", schema: "orders", port: 8082)
  package static let migrations = orderMigrations
  package static let openAPI = PackageResources.openapi_yaml
  package static let faultPoints = CheckoutRunner.points

  private let context: ServiceContext
  private let runner: CheckoutRunner
  private let orders: OrderService
  private let carts: CartPricer
  private let catalogue: ProductClient
  private let addresses: UserClient

  package init(_ context: ServiceContext) async throws {
    let settings = try context.settings.reading { OrderSettings(&$0) }
    let product = ProductClient(upstream: context.upstream("product-service"))
    let payment = PaymentClient(upstream: context.upstream("payment-service"))
    self.context = context
    let logger = context.logger
    var runner = CheckoutRunner(
      store: SagaRepository(
        database: context.database, outbox: context.outbox, holder: context.leaseHolder
      ) { saga, error in
        logger.error(
          "a saga's row cannot be read, and nobody goes on with it",
          metadata: ["saga": "\(saga)", "error": "\(error)"])
      },
      stock: product, payments: payment, timings: settings.timings)
    if let faults = context.faults { runner.pass = { try await faults.pass($0) } }
    self.runner = runner
    let terms = SalesTermsRepository(database: context.database)
    carts = CartPricer(prices: CachedCatalogueClient(catalogue: product), terms: terms)
    catalogue = product
    addresses = UserClient(upstream: context.upstream("user-service"))
    orders = OrderService(
      store: OrderRepository(
        database: context.database, outbox: context.outbox, holder: context.leaseHolder),
      catalogue: product, terms: terms, addresses: addresses,
      carts: CartRepository(runner: context.database), checkout: runner,
      captureMode: settings.captureMode)
  }

  package func addRoutes(to routes: inout Routes) {
    OrderRoutes(orders: orders, secrets: context.secrets).add(to: &routes)
    let database = context.database
    CartRoutes(
      store: CartRepository(runner: database), pricer: carts, catalogue: catalogue,
      addresses: addresses, orders: orders, secrets: context.secrets,
      within: { CartService(store: CartRepository(runner: $0.transaction)) }
    ).add(to: &routes)
    ShippingMethodRoutes(
      store: ShippingMethodRepository(runner: database),
      within: { ShippingMethodRepository(runner: $0.transaction) }
    ).add(to: &routes)
    TaxRateRoutes(
      store: TaxRateRepository(runner: database),
      within: { TaxRateRepository(runner: $0.transaction) }
    ).add(to: &routes)
    CouponRoutes(
      store: CouponRepository(runner: database),
      within: { CouponRepository(runner: $0.transaction) }
    ).add(to: &routes)
    FollowUpRoutes(
      followUps: FollowUpService(
        store: FollowUpRepository(
          database: context.database, outbox: context.outbox, holder: context.leaseHolder),
        orders: orders)
    ).add(to: &routes)
    SagaRoutes(sagas: SagaOverviewRepository(database: context.database)).add(to: &routes)
  }

  package var workers: [Worker] {
    let logger = context.logger
    let checkout = CheckoutWorker(runner: runner) { lease, error in
      logger.warning(
        "a saga could not be run on; it is tried again",
        metadata: ["orderId": "\(lease.order.id)", "error": "\(error)"])
    }
    let payments = PaymentFeedRepository()
    let catalogue = CatalogueConsumers(prices: carts.prices)
    let accounts = AccountFeedRepository()
    let database = context.database
    let oldCarts = CartPurgeRepository(database: database)
    return [
      Worker("checkout") { try await checkout.run() },
      context.consumer(
        of: "payment-service", types: PaymentFeedRepository.types
      ) { event, transaction in
        try await payments.apply(event, in: transaction)
      },
      context.consumer(
        of: "product-service", types: CatalogueConsumers.types
      ) { event, _ in catalogue.apply(event) },
      context.consumer(of: "user-service", types: AccountFeedRepository.types) {
        event, transaction in try await accounts.apply(event, in: transaction)
      },
      context.singleton("deleted-accounts") { try await accounts.run(on: database) },
      context.singleton("cart-purge") { try await oldCarts.run() },
    ]
  }

  package static func seed(_ database: Database) async throws {
    try await SalesTermsSeedRepository(database: database).run()
  }

  package var invariants: [Invariant] { orderInvariants }

  package var gauges: [StoredGauge] {
    [
      StoredGauge(
        "sagas_running",
        help: "Sagas that have not ended; parked ones have made no progress for long.",
        label: "kind",
        query: """
          SELECT kind || CASE WHEN parked_at IS NULL THEN '' ELSE ', parked' END, count(*)
          FROM sagas WHERE state = 'running' GROUP BY 1
          """)
    ]
  }
}

/// The settings that only this service has.
private struct OrderSettings {
  /// CAPTURE_MODE, kept with each order.
  let captureMode: CaptureMode
  /// CHECKOUT_DEADLINE, PAYMENT_WAIT, ...: fault drills shorten them.
  var timings = CheckoutTimings()

  init(_ reader: inout SettingsReader) {
    captureMode = reader.choice("CAPTURE_MODE", default: .automatic)
    timings.checkout = reader.duration("CHECKOUT_DEADLINE", default: timings.checkout)
    timings.hold = reader.duration("CHECKOUT_HOLD", default: timings.hold)
    timings.paymentWait = reader.duration("PAYMENT_WAIT", default: timings.paymentWait)
    timings.afterPayment = reader.duration("PAYMENT_WAIT_MARGIN", default: timings.afterPayment)
    timings.extendedHold = reader.duration("PAYMENT_WAIT_HOLD", default: timings.extendedHold)
    timings.waitingPace = reader.duration("PAYMENT_WAIT_PACE", default: timings.waitingPace)
    timings.parkAfter = reader.duration("SAGA_PARK_AFTER", default: timings.parkAfter)
  }
}

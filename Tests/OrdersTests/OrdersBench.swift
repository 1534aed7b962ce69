import EventLoops
import Postgres
import ServiceKit
import SharedKernel
import Synchronization
import TestSupport

@testable import Orders

/// The order service's parts over a database of their own, with the rights that the running service
/// has, peers that tests script, and a clock that only tests move.
struct OrdersBench: Sendable {
  let peers: ScriptedPeers
  let clock: TestClock
  /// As the service's own role.
  let database: Database
  /// As who made the tables.
  let ownerURL: String
  let runner: CheckoutRunner
  let orders: OrderService
  let addresses = KnownAddresses()
  let product: ProductClient
  let pricer: CartPricer
  let followUps: FollowUpService
  /// Who begins sagas here.
  let holder = LeaseHolder()

  private static let loops = EventLoopGroup(count: 1)

  /// - Parameters:
  ///   - timings: waits are not slept: they move the clock.
  ///   - lockTimeout: of the service's role; none, since a busy machine is no failure.
  init(
    timings: CheckoutTimings = CheckoutTimings(), lockTimeout: String = "0",
    captureMode: CaptureMode = .automatic
  ) async throws {
    let (database, ownerURL) = try await Self.makeDatabase(lockTimeout: lockTimeout)
    let peers = ScriptedPeers()
    let clock = TestClock()
    let outbox = Outbox(signal: FeedSignal())
    let product = ProductClient(upstream: peers.product)
    self.database = database
    self.ownerURL = ownerURL
    self.peers = peers
    self.product = product
    pricer = CartPricer(
      prices: CachedCatalogueClient(catalogue: product, now: { clock.now }),
      terms: SalesTermsRepository(database: database))
    self.clock = clock
    runner = CheckoutRunner(
      store: SagaRepository(database: database, outbox: outbox, holder: holder), stock: product,
      payments: PaymentClient(upstream: peers.payment), timings: timings, now: { clock.now },
      random: { 0.5 }, sleep: { clock.advance($0) })
    orders = OrderService(
      store: OrderRepository(database: database, outbox: outbox, holder: holder),
      catalogue: product,
      terms: SalesTermsRepository(database: database), addresses: addresses,
      carts: CartRepository(runner: database), checkout: runner, captureMode: captureMode)
    followUps = FollowUpService(
      store: FollowUpRepository(database: database, outbox: outbox, holder: holder),
      orders: orders)
  }

  private static func makeDatabase(lockTimeout: String) async throws -> (Database, String) {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "orders")
    let admin = Database(try patientConfiguration(url: url), group: loops)
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE order_app LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA orders")
    try await admin.execute("GRANT USAGE ON SCHEMA orders TO order_app")
    try await admin.execute(
      """
      DO $$ BEGIN
        EXECUTE format('ALTER ROLE order_app IN DATABASE %I SET search_path = orders',
          current_database());
        EXECUTE format('ALTER ROLE order_app IN DATABASE %I SET lock_timeout = %L',
          current_database(), \(literal: lockTimeout));
      END $$
      """)
    try await Migrator.run(
      commonMigrations(appRole: "order_app") + orderMigrations, schema: "orders", on: url)
    await admin.close()
    let database = Database(
      try patientConfiguration(
        url: server.url(url, user: "order_app", password: "only-for-tests")), group: loops)
    return (database, url)
  }

  /// Changes a table, as a later migration might.
  func asOwner(_ statement: SQL) async throws {
    let owner = Database(try patientConfiguration(url: ownerURL), group: Self.loops)
    try await owner.execute(statement)
    await owner.close()
  }

  // MARK: Buying

  static let address = PostalAddress(
    name: "Ada", line1: "1 Main St", line2: nil, city: "Bern", region: nil, postalCode: "3000",
    country: "CH", phone: nil)

  static func request(
    _ token: String = "tok_ok", product: Int = 1, quantity: Int = 1
  ) throws -> OrderRequest {
    try OrderRequest(
      PlaceOrder(
        items: [.init(productId: product, variantId: nil, quantity: quantity)],
        shippingAddress: address, billingAddress: nil, email: "ada@example.com",
        paymentToken: token, expectedTotal: nil, note: nil), isGuest: true)
  }

  static func key(_ key: String = UUID128.v7().description, of request: UInt8 = 1) -> OrderKey {
    OrderKey(principal: "anon", key: key, fingerprint: [request])
  }

  /// Buys as a guest.
  func place(
    _ token: String = "tok_ok", product: Int = 1, quantity: Int = 1, key: OrderKey = key(),
    wait: Duration = .seconds(5)
  ) async throws -> Order {
    try await orders.place(
      Self.request(token, product: product, quantity: quantity), by: nil, key, wait: wait
    ).order
  }

  /// What the workers would do until nothing is due: takes every saga that is, however long its wait.
  func runWorkers(rounds: Int = 30) async throws {
    for _ in 0..<rounds {
      try await makeDue()
      let leases = try await runner.store.takeDue(countMax: 100, lease: .seconds(15))
      if leases.isEmpty { return }
      for lease in leases { try await runner.run(lease) }
    }
  }

  func makeDue() async throws {
    try await database.execute(
      "UPDATE sagas SET next_run_at = now() - interval '1 s' WHERE state = 'running'")
  }

  /// For the database, so much time goes by: what would be due then, is now.
  func letPass(_ time: Duration) async throws {
    try await database.execute(
      """
      UPDATE sagas SET next_run_at = next_run_at - make_interval(secs => \(time / .seconds(1)))
      WHERE state = 'running'
      """)
  }

  /// Ends all leases, as time does when their holders have died.
  func expireLeases() async throws {
    try await database.execute(
      """
      UPDATE sagas SET lease_until = now() - interval '1 s', next_run_at = now() - interval '1 s'
      WHERE state = 'running'
      """)
  }

  // MARK: What follows

  static let tracking = Tracking(
    carrier: "Post", trackingNumber: "99.00.1", trackingUrl: "https://post.example/99.00.1")

  /// Ships so many units of each line.
  func ship(
    _ order: Order, _ quantities: Int..., key: OrderKey = key(of: 2), wait: Duration = .seconds(5)
  ) async throws -> FollowUp<Shipment> {
    try await followUps.ship(
      order.id, Self.shipRequest(order, quantities), key, wait: wait)
  }

  static func shipRequest(_ order: Order, _ quantities: [Int]) -> ShipRequest {
    ShipRequest(
      lines: zip(order.lines, quantities).filter { $1 > 0 }.map {
        Units(lineId: $0.id, quantity: $1)
      }, carrier: tracking.carrier, trackingNumber: tracking.trackingNumber,
      trackingUrl: tracking.trackingUrl)
  }

  /// Pays back so many units of the first line, or an amount.
  func refund(
    _ order: Order, units: Int? = nil, amount: Int64? = nil, restock: Bool? = nil,
    key: OrderKey = key(of: 3), wait: Duration = .seconds(5)
  ) async throws -> FollowUp<Refund> {
    try await followUps.refund(
      order.id,
      RefundRequest(
        lines: units.map { [Units(lineId: order.lines[0].id, quantity: $0)] },
        amount: try amount.map { try Money(minorUnits: $0, currency: .usd) }, restock: restock,
        reason: "came back"), key, wait: wait)
  }

  // MARK: Looking

  func events(of order: Order) async throws -> [String] {
    try await database.values(
      "SELECT type FROM outbox WHERE subject = \("\(order.id)") ORDER BY id")
  }

  /// How often the order was put before a person.
  func attentions(of order: Order) async throws -> Int {
    try await events(of: order).filter { $0 == "order.attention_required" }.count
  }

  func history(of order: Order) async throws -> [OrderState] {
    try await orders.history(of: order.id).map(\.to)
  }

  /// What breaks the invariants of the schema; empty when all hold.
  func violations() async throws -> [String] {
    var found: [String] = []
    for invariant in orderInvariants {
      found += try await database.values(invariant.violations, as: String.self)
    }
    found += try await database.values(
      "SELECT format('saga %s keeps its input', id) FROM sagas WHERE state = 'done' AND input IS NOT NULL",
      as: String.self)
    return found
  }
}

/// The addresses that users keep, in memory.
final class KnownAddresses: AddressBook {
  private let known = Mutex<[ID<SavedAddress>: (UserID, PostalAddress)]>([:])

  func keep(_ address: PostalAddress, for user: UserID) -> ID<SavedAddress> {
    let id = ID<SavedAddress>.new()
    known.withLock { $0[id] = (user, address) }
    return id
  }

  func address(_ id: ID<SavedAddress>, of user: UserID) async throws -> PostalAddress? {
    known.withLock { known in known[id].flatMap { $0.0 == user ? $0.1 : nil } }
  }
}

/// Stands still until a test, or something that would have slept, moves it.
final class TestClock: Sendable {
  private let time = Mutex(Timestamp.now())

  var now: Timestamp { time.withLock { $0 } }

  func advance(_ duration: Duration) {
    time.withLock { $0 = $0 + duration }
  }
}

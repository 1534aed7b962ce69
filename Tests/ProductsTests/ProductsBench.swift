import CoreHTTP
import EventLoops
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import SharedKernel
import TestSupport

@testable import Products

/// The product service's routes over a database of their own, put together as in the running service,
/// without a socket. A bearer token is `customer`, `staff`, or the name of a service.
struct ProductsBench: Sendable {
  let router: Router
  /// As the service's own role.
  let database: Database
  private let url: String
  private let server: PrivatePostgres
  private let outbox = Outbox(signal: FeedSignal())

  static let loops = EventLoopGroup(count: 1)
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private static let staff = Caller.user(.new(), role: .staff, session: .v7())
  private static let customer = Caller.user(.new(), role: .customer, session: .v7())

  /// - Parameter server: nil is the one that tests share.
  init(on server: PrivatePostgres? = nil) async throws {
    let shared = try await PrivatePostgres.shared()
    self.server = server ?? shared
    let (database, url) = try await Self.makeDatabase(on: self.server)
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    let settings = try Settings(environment: ["DISCOVERY": "static"], for: .inspect, portDefault: 0)
    let identity = ProductApplication.identity
    let application = try ProductApplication(
      ServiceContext(
        identity: identity, settings: settings, group: Self.loops, database: database,
        logger: Self.logger, secrets: secrets, outbox: outbox,
        peers: try Peers(
          identity: identity, settings: settings, group: Self.loops, signer: nil,
          logger: Self.logger)))
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { secrets.fingerprint($0) }),
        authenticate: { token in
          switch token {
          case "staff": Self.staff
          case "customer": Self.customer
          default: .service(token)
          }
        }, logger: Self.logger))
    application.addRoutes(to: &routes)
    router = routes.router
    self.database = database
    self.url = url
  }

  /// The same database as the owner of its tables; to be closed.
  func asOwner() async throws -> Database {
    let owner = Database(try patientConfiguration(url: url), group: Self.loops)
    try await owner.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = product', current_database());
      END $$
      """)
    await owner.close()
    return Database(try patientConfiguration(url: url), group: Self.loops)
  }

  /// The same database as another process of the service has it; to be closed.
  func open(on group: EventLoopGroup) async throws -> Database {
    Database(
      try patientConfiguration(
        url: server.url(url, user: "product_app", password: "only-for-tests")), group: group)
  }

  private static func makeDatabase(
    on server: PrivatePostgres
  ) async throws -> (Database, url: String) {
    let url = try await server.makeDatabase(named: "products")
    let admin = Database(try patientConfiguration(url: url), group: loops)
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE product_app LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA product")
    try await admin.execute("GRANT USAGE ON SCHEMA product TO product_app")
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER ROLE product_app IN DATABASE %I SET search_path = product',
        current_database()); END $$
      """)
    await admin.close()
    try await Migrator.run(
      commonMigrations(appRole: "product_app") + productMigrations, schema: "product", on: url)
    let database = Database(
      try patientConfiguration(
        url: server.url(url, user: "product_app", password: "only-for-tests")), group: loops)
    return (database, url)
  }

  // MARK: Requests

  func send(
    _ method: HTTPMethod, _ target: String, as token: String? = nil, body: String? = nil,
    fields: [HTTPFieldName: String] = [:]
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    for (name, value) in fields { request.fields[name] = value }
    return try await router.handle(request)
  }

  /// A product made over HTTP, by staff.
  @discardableResult
  func make(_ name: String, _ members: String = "") async throws -> ProductBody {
    let response = try await send(
      .post, "/products", as: "staff", body: #"{"name":"\#(name)","price":10\#(members)}"#)
    return try response.decoded()
  }

  // MARK: Stock

  /// A product with so many units of its one variant.
  ///
  /// - Returns: the variant's id.
  func stock(_ units: Int) async throws -> Int {
    let product = try await make("Thing \(OrderID.new())", #","initialStock":\#(units)"#)
    return try await database.value(
      "SELECT default_variant_id FROM products WHERE id = \(product.id)") ?? 0
  }

  /// Runs a command on reservations in a transaction of its own.
  func reservations<Value: Sendable>(
    _ command: (ReservationService) async throws -> Value
  ) async throws -> Value {
    try await database.transaction { transaction in
      try await command(
        ReservationService(store: ReservationRepository(runner: transaction, outbox: outbox)))
    }
  }

  func hold(
    _ id: OrderID, _ lines: [ReservationLine], for duration: Duration = .seconds(600)
  ) async throws -> ReservationOutcome {
    let now = Timestamp.now()
    let request = try HoldRequest(lines: lines, expiresAt: now + duration, now: now)
    return try await reservations { try await $0.hold(id, request) }
  }

  func commit(_ id: OrderID) async throws -> ReservationOutcome {
    try await reservations { try await $0.commit(id) }
  }

  func release(_ id: OrderID) async throws -> ReservationOutcome {
    try await reservations { try await $0.release(id, now: .now()) }
  }

  func fulfil(
    _ id: OrderID, _ shipment: ShipmentID, _ lines: [ReservationLine]
  ) async throws -> ReservationOutcome {
    try await reservations { try await $0.fulfil(id, shipment, lines, by: "service:order-service") }
  }

  func onHand(_ variant: Int) async throws -> Int? {
    try await database.value("SELECT on_hand FROM stock WHERE variant_id = \(variant)")
  }

  /// As the expirer would at a time when all holds are over.
  func expire(_ id: OrderID) async throws {
    try await reservations { try await $0.expire(id, now: .now() + .seconds(3600)) }
  }

  func state(_ id: OrderID) async throws -> Reservation.State? {
    try await reservations { try await $0.store.reservation(id)?.state }
  }

  func reserved(_ variant: Int) async throws -> Int? {
    try await database.value("SELECT reserved FROM stock WHERE variant_id = \(variant)")
  }

  /// What breaks I1 or I2; empty when both hold.
  func violations() async throws -> [String] {
    var found: [String] = []
    for invariant in productInvariants {
      found += try await database.values(invariant.violations, as: String.self)
    }
    return found
  }

  func events() async throws -> [String] {
    try await database.values("SELECT type FROM outbox ORDER BY id")
  }
}

struct ProductBody: Decodable {
  let id: Int
  let name: String
  let price: DecimalLiteral?
  let money: Money?
  let slug: String
  let sku: String
  let description: String
  let status: Product.Status
  let categories: [String]
  let attributes: [String: String]
  let images: [String]
  let inStock: Bool
  let variantCount: Int
  let version: Int
}

extension ReservationOutcome {
  /// The state it ended in; nil for a refusal.
  var state: Reservation.State? {
    if case .reserved(let reservation, _) = self { reservation.state } else { nil }
  }

  var refusal: ReservationError? {
    if case .refused(let error) = self { error } else { nil }
  }

  var isNew: Bool {
    if case .reserved(_, true) = self { true } else { false }
  }
}

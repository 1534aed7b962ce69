import CoreHTTP
import HTTPMessages
import Logging
import ServiceKit
import SharedKernel

@testable import Orders

/// The order service's routes, called without a socket.
struct RoutesBench {
  let bench: OrdersBench
  let secrets: ServiceSecrets
  private let router: Router

  init(lockTimeout: String = "0") async throws {
    let bench = try await OrdersBench(lockTimeout: lockTimeout)
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    let kit = RequestKit(
      storage: RequestStorage(
        database: bench.database, fingerprint: { secrets.fingerprint($0) }),
      authenticate: Self.caller, logger: Logger(label: "test"))
    var routes = Routes(kit: kit)
    OrderRoutes(orders: bench.orders, secrets: secrets).add(to: &routes)
    let database = bench.database
    CartRoutes(
      store: CartRepository(runner: database), pricer: bench.pricer, catalogue: bench.product,
      addresses: bench.addresses, orders: bench.orders, secrets: secrets,
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
    FollowUpRoutes(followUps: bench.followUps).add(to: &routes)
    SagaRoutes(sagas: SagaOverviewRepository(database: bench.database)).add(to: &routes)
    self.bench = bench
    self.secrets = secrets
    router = routes.router
  }

  /// Tokens of these tests: a service's name, `staff`, `admin`, `staff:` and an id, or a customer's id.
  @Sendable private static func caller(_ token: String) async throws -> Caller {
    if let role = Role(rawValue: token) { return .user(.new(), role: role, session: .v7()) }
    if token.hasPrefix("staff:"), let user = UserID(String(token.dropFirst(6))) {
      return .user(user, role: .staff, session: .v7())
    }
    if let user = UserID(token) { return .user(user, role: .customer, session: .v7()) }
    return .service(token)
  }

  func send(
    _ method: HTTPMethod, _ target: String, as token: String? = nil, accessToken: String? = nil,
    fields: [(HTTPFieldName, String)] = [], body: String? = nil
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    for (name, value) in fields { request.fields[name] = value }
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    if let accessToken { request.fields["X-Access-Token"] = accessToken }
    return try await router.handle(request)
  }

  func buy(
    _ token: String = "tok_ok", product: Int = 1, quantity: Int = 1, as caller: String? = nil,
    key: String? = nil, prefer: String? = nil
  ) async throws -> HTTPResponse {
    var fields: [(HTTPFieldName, String)] = []
    if let key { fields.append((.idempotencyKey, key)) }
    if let prefer { fields.append((.prefer, prefer)) }
    return try await send(
      .post, "/orders", as: caller, fields: fields,
      body: Self.order(token: token, product: product, quantity: quantity))
  }

  static func order(
    _ extra: String = "", token: String = "tok_ok", product: Int = 1, quantity: Int = 1
  ) -> String {
    """
    {"items":[{"productId":\(product),"quantity":\(quantity)}],"email":"ada@example.com",\
    "shippingAddress":{"name":"Ada","line1":"1 Main St","city":"Bern","postalCode":"3000",\
    "country":"CH"},"paymentToken":"\(token)"\(extra)}
    """
  }
}

import CoreHTTP
import HTTPMessages
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// The order service's parts over the other services' routers.
struct ContractShop {
  let orders: OrderService
  /// What customers and staff call; a bearer token is as `RouterUpstream.kit` says.
  let router: Router
  let client: ProductClient
  let payments: any Upstream
  let addresses: UserClient
  let users: Database
  let product: Database
  let payment: Database
  let database: Database
  let notifications: NotificationPeer

  init(captureMode: CaptureMode = .automatic) async throws {
    let shop = try await ShopDatabase()
    let (productRouter, product) = try await ProductPeer.router(in: shop)
    let (paymentRouter, payment) = try await PaymentPeer.router(in: shop)
    let (userRouter, users) = try await UserPeer.router(in: shop)
    let url = try await shop.addSchema("orders", role: "order_app")
    try await Migrator.run(
      commonMigrations(appRole: "order_app") + orderMigrations, schema: "orders", on: shop.url)
    database = try ShopDatabase.open(url)
    notifications = try await NotificationPeer(in: shop)
    self.product = product
    self.payment = payment
    let name = OrderApplication.identity.name
    client = ProductClient(
      upstream: RouterUpstream(name: "product-service", router: productRouter, caller: name))
    payments = RouterUpstream(name: "payment-service", router: paymentRouter, caller: name)
    self.users = users
    addresses = UserClient(
      upstream: RouterUpstream(name: "user-service", router: userRouter, caller: name))
    let outbox = Outbox(signal: FeedSignal())
    orders = OrderService(
      store: OrderRepository(database: database, outbox: outbox, holder: LeaseHolder()),
      catalogue: client,
      terms: SalesTermsRepository(database: database), addresses: addresses,
      carts: CartRepository(runner: database),
      checkout: CheckoutRunner(
        store: SagaRepository(database: database, outbox: outbox, holder: LeaseHolder()),
        stock: client,
        payments: PaymentClient(upstream: payments), timings: CheckoutTimings()),
      captureMode: captureMode)
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 4, count: 32))
    var routes = Routes(kit: RouterUpstream.kit(database, secrets: secrets))
    OrderRoutes(orders: orders, secrets: secrets).add(to: &routes)
    FollowUpRoutes(
      followUps: FollowUpService(
        store: FollowUpRepository(database: database, outbox: outbox, holder: LeaseHolder()),
        orders: orders)
    ).add(to: &routes)
    router = routes.router
  }

  /// A request of staff.
  func send(
    _ method: HTTPMethod, _ target: String, key: String? = nil, _ body: String
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array(body.utf8))
    request.fields[.contentType] = "application/json"
    request.fields[.authorization] = "Bearer staff"
    if let key { request.fields[.idempotencyKey] = key }
    return try await router.handle(request)
  }

  func place(_ token: String, quantity: Int = 1) async throws -> Order {
    let address = PostalAddress(
      name: "Ada", line1: "1 Main St", line2: nil, city: "Bern", region: nil,
      postalCode: "3000", country: "CH", phone: nil)
    let request = try OrderRequest(
      PlaceOrder(
        items: [.init(productId: 1, variantId: nil, quantity: quantity)],
        shippingAddress: address, billingAddress: nil, email: "ada@example.com",
        paymentToken: token, expectedTotal: nil, note: nil), isGuest: true)
    return try await orders.place(
      request, by: nil,
      OrderKey(principal: "anon", key: UUID128.v7().description, fingerprint: [1]),
      wait: .seconds(30)  // returns as soon as it is settled
    ).order
  }

  /// The invariants of all three schemas hold.
  func isConsistent() async throws {
    #expect(try await violations(of: orderInvariants, in: database) == [])
    #expect(try await ProductPeer.violations(in: product) == [])
    #expect(try await PaymentPeer.violations(in: payment) == [])
  }
}

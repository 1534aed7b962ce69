import CoreHTTP
import HTTPMessages
import Logging
import ServiceKit
import SharedKernel
import Synchronization

@testable import Payments

/// The payment service's routes, called without a socket.
struct RoutesBench {
  /// What these tests read of a payment.
  struct PaymentView: Decodable {
    struct NextAction: Decodable {
      let type: String
      let url: String
      let accessToken: String?
    }
    let id: PaymentID
    let orderId: OrderID
    let state: String
    let amount: Int64
    let currency: String
    let authorized: Int64
    let captured: Int64
    let refunded: Int64
    let version: Int
    let nextAction: NextAction?
  }

  static let orderService = "order-service"
  static let staff = "staff"
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  let bench: PaymentBench
  let secrets: ServiceSecrets
  /// The way of the simulator's notices into these routes.
  let notices: SimulatorNoticeClient
  private let router: Router

  init() async throws {
    try await self.init(PaymentBench.shared())
  }

  init(_ bench: PaymentBench, logger: Logger = Self.logger) async throws {
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    let kit = RequestKit(
      storage: RequestStorage(
        database: bench.database, fingerprint: { secrets.fingerprint($0) }),
      authenticate: Self.caller, logger: logger)
    var routes = Routes(kit: kit)
    let wire = LateRouter()
    let notices = SimulatorNoticeClient(
      http: wire, authority: "localhost:8084", secret: Array("a secret of the webhook".utf8))
    PaymentApplication(
      store: bench.store, ledger: bench.ledger, provider: .init(bench.simulator, notices),
      timings: PaymentTimings(), secrets: secrets, logger: logger, now: { bench.clock.now }
    ).addRoutes(to: &routes)
    self.bench = bench
    self.secrets = secrets
    self.notices = notices
    router = routes.router
    wire.router.withLock { $0 = router }
  }

  /// Calls the routes that are made after it.
  private final class LateRouter: HTTPHandler {
    let router = Mutex<Router?>(nil)

    func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
      guard let router = router.withLock({ $0 }) else { return HTTPResponse(.notFound) }
      return try await router.handle(request)
    }
  }

  private static let staffID = UserID.new()

  /// Tokens of these tests: a service's name, `staff`, `admin`, or a customer's id.
  @Sendable private static func caller(_ token: String) async throws -> Caller {
    if token == staff { return .user(staffID, role: .staff, session: .v7()) }
    if token == "admin" { return .user(staffID, role: .admin, session: .v7()) }
    if let user = UserID(token) { return .user(user, role: .customer, session: .v7()) }
    return .service(token)
  }

  func send(
    _ method: HTTPMethod, _ target: String, as token: String? = orderService,
    accessToken: String? = nil, key: String? = nil, body: String? = nil
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    if let key { request.fields[.idempotencyKey] = key }
    if let accessToken { request.fields["X-Access-Token"] = accessToken }
    return try await router.handle(request)
  }

  /// Asks for a payment as the order service does.
  func authorize(
    _ token: SimulatorToken = .ok, id: PaymentID = .new(), order: OrderID = .new(),
    user: UserID? = nil
  ) async throws -> HTTPResponse {
    let owner = user.map { "\"userId\":\"\($0)\"," } ?? ""
    return try await send(
      .put, "/internal/payments/\(id)",
      body: """
        {"orderId":"\(order)",\(owner)"amount":1000,"currency":"USD",\
        "token":"\(token.rawValue)","captureMode":"automatic"}
        """)
  }
}

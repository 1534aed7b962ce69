import CoreHTTP
import HTTPMessages
import Logging
import ServiceKit
import SharedKernel

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
  private let router: Router

  init() async throws {
    let bench = try await PaymentBench.shared()
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    let kit = RequestKit(
      storage: RequestStorage(
        database: bench.database, fingerprint: { secrets.fingerprint($0) }),
      authenticate: Self.caller, logger: Self.logger)
    var routes = Routes(kit: kit)
    PaymentApplication(
      store: bench.store, ledger: bench.ledger, simulator: bench.simulator,
      timings: PaymentTimings(), secrets: secrets, logger: Self.logger
    ).addRoutes(to: &routes)
    self.bench = bench
    self.secrets = secrets
    router = routes.router
  }

  /// Tokens of these tests: a service's name, `staff`, or a customer's id.
  @Sendable private static func caller(_ token: String) async throws -> Caller {
    if token == staff { return .user(.new(), role: .staff, session: .v7()) }
    if let user = UserID(token) { return .user(user, role: .customer, session: .v7()) }
    return .service(token)
  }

  func send(
    _ method: HTTPMethod, _ target: String, as token: String? = orderService,
    accessToken: String? = nil, body: String? = nil
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
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

import CoreHTTP
import EventLoops
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import SharedKernel
import TestSupport

@testable import Users

/// The user service's routes over a database of their own, put together as in the running service,
/// with tokens that are signed and verified for real, and without a socket.
struct UsersBench: Sendable {
  static let password = "correct horse battery"
  /// Whose service token the bench can show.
  static let peer = "notification-service"

  let router: Router
  /// As the service's own role.
  let database: Database
  let keys: SigningKeyRepository
  private let peerKey: SigningKey

  private static let loops = EventLoopGroup(count: 1)
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  init() async throws {
    let database = try await Self.makeDatabase()
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    let settings = try Settings(
      environment: ["DISCOVERY": "static", "SHOP_URL": "https://shop.example/"], for: .inspect,
      portDefault: 0)
    let identity = UserApplication.identity
    let context = ServiceContext(
      identity: identity, settings: settings, group: Self.loops, database: database,
      logger: Self.logger, secrets: secrets, outbox: Outbox(signal: FeedSignal()),
      peers: try Peers(
        identity: identity, settings: settings, group: Self.loops, signer: nil,
        logger: Self.logger))
    let application = try UserApplication(context)
    let repository = SigningKeyRepository(database: database, secrets: secrets)
    let peerKey = SigningKey.generate()
    let verifier = TokenVerifier(
      keys: ServiceKeys(
        service: identity.name, signingKey: .generate(),
        peers: [Self.peer: [peerKey.verifyingKey]])
    ) { try await repository.keySet() }
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(
          database: database, fingerprint: { secrets.fingerprint($0) }),
        authenticate: { try await verifier.verify($0) }, logger: Self.logger))
    application.addRoutes(to: &routes)
    router = routes.router
    self.database = database
    self.peerKey = peerKey
    keys = repository
  }

  private static func makeDatabase() async throws -> Database {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "users")
    let admin = Database(try patientConfiguration(url: url), group: loops)
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE user_app LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA users")
    try await admin.execute("GRANT USAGE ON SCHEMA users TO user_app")
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER ROLE user_app IN DATABASE %I SET search_path = users',
        current_database()); END $$
      """)
    await admin.close()
    try await Migrator.run(
      commonMigrations(appRole: "user_app") + userMigrations, schema: "users", on: url)
    return Database(
      try patientConfiguration(
        url: server.url(url, user: "user_app", password: "only-for-tests")), group: loops)
  }

  // MARK: Requests

  func send(
    _ method: HTTPMethod, _ target: String, as token: String? = nil, body: String? = nil,
    from address: String = "192.0.2.1", fields: [HTTPFieldName: String] = [:]
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    request.peer = PeerAddress(address)
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    for (name, value) in fields { request.fields[name] = value }
    return try await router.handle(request)
  }

  func register(
    _ email: String, password: String = password, key: String? = nil
  ) async throws -> HTTPResponse {
    try await send(
      .post, "/users",
      body: #"{"email":"\#(email)","password":"\#(password)","name":"Ada"}"#,
      fields: key.map { [.idempotencyKey: $0] } ?? [:])
  }

  func signIn(
    _ email: String, password: String = password, from address: String = "192.0.2.1"
  ) async throws -> HTTPResponse {
    try await send(
      .post, "/sessions", body: #"{"email":"\#(email)","password":"\#(password)"}"#,
      from: address, fields: [.userAgent: "tests"])
  }

  func refresh(_ token: String) async throws -> HTTPResponse {
    try await send(.post, "/sessions/refresh", body: #"{"refreshToken":"\#(token)"}"#)
  }

  /// Registers and signs in.
  func tokens(of email: String) async throws -> Tokens {
    _ = try await register(email)
    return try await signIn(email).decoded()
  }

  /// A service's token, as the notification service signs it.
  func serviceToken() async throws -> String {
    let signer = ServiceTokenSigner(
      keys: ServiceKeys(service: Self.peer, signingKey: peerKey, peers: [:]))
    return try await signer.token(for: UserApplication.identity.name)
  }

  func setRole(_ role: Role, of email: String) async throws {
    try await database.execute(
      "UPDATE users SET role = \(role.rawValue) WHERE email = \(email)")
  }
}

struct Tokens: Decodable {
  let accessToken: String
  let refreshToken: String
  let expiresIn: Int
}

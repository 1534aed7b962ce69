import CoreHTTP
import EventLoops
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import SharedKernel
import TestSupport

@testable import Notifications

/// The notification service's parts over a database of their own, with the rights that the running
/// service has.
struct NotificationsBench: Sendable {
  static let loops = EventLoopGroup(count: 1)
  static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  static let staff = "staff"
  static let administrator = "administrator"
  private static let administratorID = UserID.new()
  /// Of webhooks: as in development.
  static let rules = WebhookURL.Rules(
    allowsPrivate: true, isPrivateAddress: { PeerAddress($0)?.isPublic == false })
  static let outbox = Outbox(signal: FeedSignal())

  /// As the service's own role.
  let database: Database
  /// As superuser.
  let admin: Database
  let router: Router
  let secrets: ServiceSecrets

  var queue: NotificationQueueRepository {
    NotificationQueueRepository(database: database, outbox: Self.outbox)
  }

  var webhooks: WebhookDispatch {
    WebhookDispatch(
      queue: WebhookQueueRepository(database: database, outbox: Self.outbox),
      poster: WebhookClient(
        client: OutwardClient(group: Self.loops, reachesPrivate: true), secrets: secrets,
        rules: Self.rules))
  }

  var repository: NotificationRepository { NotificationRepository(runner: database) }

  init() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "notifications")
    let admin = Database(try patientConfiguration(url: url), group: Self.loops)
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE notification_app LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA notification")
    try await admin.execute("GRANT USAGE ON SCHEMA notification TO notification_app")
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format(
        'ALTER ROLE notification_app IN DATABASE %I SET search_path = notification',
        current_database()); END $$
      """)
    try await Migrator.run(
      commonMigrations(appRole: "notification_app") + notificationMigrations,
      schema: "notification", on: url)
    let database = Database(
      try patientConfiguration(
        url: server.url(url, user: "notification_app", password: "only-for-tests")),
      group: Self.loops)
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 7, count: 32))
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(
          database: database, fingerprint: { secrets.fingerprint($0) }),
        authenticate: Self.caller, logger: Self.logger))
    let templates = TemplateRepository(runner: database)
    NotificationRoutes(
      service: NotificationService(store: NotificationRepository(runner: database)),
      templates: templates, preferences: PreferenceRepository(runner: database),
      within: { PreferenceRepository(runner: $0.transaction) }
    ).add(to: &routes)
    TemplateRoutes(store: templates).add(to: &routes)
    let webhooks = { @Sendable (runner: any SQLRunner) in
      WebhookService(store: WebhookRepository(runner: runner, outbox: Self.outbox)) {
        try secrets.seal($0.bytes, context: WebhookClient.context($1))
      }
    }
    WebhookRoutes(
      service: webhooks(database), within: { webhooks($0.transaction) }, rules: Self.rules
    ).add(to: &routes)
    router = routes.router
    self.secrets = secrets
    self.database = database
    self.admin = admin
  }

  /// Tokens of these tests: `staff`, `administrator`, or a customer's id.
  @Sendable private static func caller(_ token: String) async throws -> Caller {
    if token == staff { return .user(.new(), role: .staff, session: .v7()) }
    if token == administrator { return .user(administratorID, role: .admin, session: .v7()) }
    guard let user = UserID(token) else {
      throw Problem(.unauthenticated, "This token is nobody's.")
    }
    return .user(user, role: .customer, session: .v7())
  }

  func send(
    _ method: HTTPMethod, _ target: String, as token: String?, body: String? = nil,
    fields: [HTTPFieldName: String] = [:]
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    for (name, value) in fields { request.fields[name] = value }
    return try await router.handle(request)
  }

  // MARK: Notices

  func notice(for recipient: Recipient, type: String = "order.confirmed") -> Notice {
    Notice(type: type, recipient: recipient, params: ["number": "10001"])
  }

  func insert(
    _ notice: Notice, event: UUID128 = .v7(), channels: [Notification.Channel] = [.log],
    isReplay: Bool = false
  ) async throws {
    try await repository.insert(notice, eventID: event, channels: channels, isReplay: isReplay)
  }

  /// How many notices are in each state.
  func states() async throws -> [String: Int] {
    let rows = try await database.query(
      "SELECT state, count(*) FROM notifications GROUP BY state"
    ) { (try $0.next(as: String.self), try $0.next(as: Int.self)) }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  /// Of this service's own events: type and subject.
  func events() async throws -> [String] {
    try await database.query("SELECT type, subject FROM outbox ORDER BY id") {
      "\(try $0.next(as: String.self)) \(try $0.next(as: String.self))"
    }
  }

  func errors() async throws -> [String] {
    try await database.query(
      "SELECT last_error FROM notifications WHERE last_error IS NOT NULL"
    ) { try $0.next() }
  }

  /// Lets the time pass until the next try.
  func makeDue() async throws {
    try await database.execute(
      "UPDATE notifications SET next_run_at = now() - interval '1 second'")
  }

  func secondsToNextRun() async throws -> Int? {
    try await database.first(
      "SELECT ceil(extract(epoch FROM min(next_run_at) - now()))::int8 FROM notifications"
    ) { try $0.next() }
  }
}

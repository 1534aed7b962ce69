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

  /// As the service's own role.
  let database: Database
  /// As superuser.
  let admin: Database
  let router: Router

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
    NotificationRoutes(
      service: NotificationService(store: NotificationRepository(runner: database))
    ).add(to: &routes)
    router = routes.router
    self.database = database
    self.admin = admin
  }

  /// Tokens of these tests: `staff`, or a customer's id.
  @Sendable private static func caller(_ token: String) async throws -> Caller {
    if token == staff { return .user(.new(), role: .staff, session: .v7()) }
    guard let user = UserID(token) else {
      throw Problem(.unauthenticated, "This token is nobody's.")
    }
    return .user(user, role: .customer, session: .v7())
  }

  func send(
    _ method: HTTPMethod, _ target: String, as token: String?, body: String? = nil
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
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

import CoreHTTP
import EventLoops
import HTTPMessages
import Logging
import Postgres
import SharedKernel
import TestSupport

@testable import ServiceKit

/// A service of its own, without a socket: the common tables in a database of its own, one table for
/// effects, and routes that a test adds. A bearer token is the name of the caller.
struct KitBench: Sendable {
  static let loops = EventLoopGroup(count: 1)
  static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// As the service's own role.
  let database: Database
  let signal = FeedSignal()
  private let url: String
  var outbox: Outbox { Outbox(signal: signal) }
  var feed: EventFeed { EventFeed(source: "kit", database: database, signal: signal) }
  var bell: FeedBell { FeedBell(source: "kit", database: database, signal: signal) }
  var sequencer: Sequencer { Sequencer(database: database, signal: signal, bell: bell) }

  init() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "kit")
    let admin = Database(try patientConfiguration(url: url), group: Self.loops)
    try await admin.execute(
      """
      DO $$ BEGIN CREATE ROLE kit_app LOGIN PASSWORD 'only-for-tests';
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
      """)
    try await admin.execute("CREATE SCHEMA kit")
    try await admin.execute("GRANT USAGE ON SCHEMA kit TO kit_app")
    try await admin.execute(
      """
      DO $$ BEGIN EXECUTE format('ALTER ROLE kit_app IN DATABASE %I SET search_path = kit',
        current_database()); END $$
      """)
    await admin.close()
    let effects = Migration(
      "0001-effects",
      """
      CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, note text NOT NULL);
      GRANT SELECT, INSERT ON effects TO kit_app;
      """)
    try await Migrator.run(
      commonMigrations(appRole: "kit_app") + [effects], schema: "kit", on: url)
    try self.init(url: server.url(url, user: "kit_app", password: "only-for-tests"))
  }

  private init(url: String) throws {
    self.url = url
    database = Database(try patientConfiguration(url: url), group: Self.loops)
  }

  /// The same service in another process: of this one's it has the tables alone.
  func replica() throws -> KitBench {
    try KitBench(url: url)
  }

  func router(_ add: (inout Routes) -> Void) -> Router {
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { $0 }),
        authenticate: { .service($0) }, logger: Self.logger))
    add(&routes)
    return routes.router
  }

  /// What was done, in order.
  func effects() async throws -> [String] {
    try await database.values("SELECT note FROM effects ORDER BY id")
  }

  static func note(_ text: String, in transaction: Transaction) async throws {
    try await transaction.execute("INSERT INTO effects (note) VALUES (\(text))")
  }

  func append(_ type: String, subject: String = "1", version: Int = 1) async throws {
    try await database.transaction { transaction in
      try await outbox.append(
        EventDraft(type: type, subject: subject, version: version, data: ["subject": subject]),
        in: transaction)
    }
  }
}

extension Router {
  func send(
    _ method: HTTPMethod, _ target: String, as caller: String? = nil, body: String? = nil,
    fields: [HTTPFieldName: String] = [:]
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((body ?? "").utf8))
    if body != nil { request.fields[.contentType] = "application/json" }
    if let caller { request.fields[.authorization] = "Bearer \(caller)" }
    for (name, value) in fields { request.fields[name] = value }
    return try await handle(request)
  }
}

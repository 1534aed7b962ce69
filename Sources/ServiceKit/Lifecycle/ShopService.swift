package import Postgres

/// One service of the shop: what its slice gives to `ServiceProgram`, which makes a program of it.
package protocol ShopService: Sendable {
  /// What the service is called, and where it stands.
  static var identity: ServiceIdentity { get }

  /// The OpenAPI 3.1 document, YAML.
  static var openAPI: [UInt8] { get }

  /// The slice's own tables; those that every service has come before them.
  static var migrations: [Migration] { get }

  /// The composition root: builds the slice on what every service is given.
  init(_ context: ServiceContext) async throws

  /// Adds the slice's routes; those that every service has come after them.
  func addRoutes(to routes: inout Routes)

  /// What the service does besides answering.
  var workers: [Worker] { get }

  /// What must hold in the service's own schema at all times.
  var invariants: [Invariant] { get }

  /// What `GET /metrics` tells of the service's own tables.
  var gauges: [StoredGauge] { get }

  /// The keys that sign users' tokens, as a JWKS document; nil where they are asked of the user
  /// service.
  var userKeySet: (@Sendable () async throws -> [UInt8])? { get }

  /// Further schemas that `migrate` brings up to date (the payment simulator's).
  static func migrateFurther(_ settings: Settings) async throws -> [String]

  /// Adds development data, where there is none. `database` is the schema owner's.
  static func seed(_ database: Database) async throws

  /// Points at which a drill can make things go wrong, besides those that every service has.
  static var faultPoints: [String] { get }

  /// Tables that `seed --reset` leaves as they are, besides those of ServiceKit: what a migration
  /// put there, and keys.
  static var tablesKept: [String] { get }
}

extension ShopService {
  /// None.
  package var workers: [Worker] { [] }
  /// None but those of the feed, which every service has.
  package var invariants: [Invariant] { [] }
  /// None but those of the tables that every service has.
  package var gauges: [StoredGauge] { [] }
  /// nil: the user service is asked.
  package var userKeySet: (@Sendable () async throws -> [UInt8])? { nil }
  /// Nothing further.
  package static func migrateFurther(_ settings: Settings) async throws -> [String] { [] }
  /// No data.
  package static func seed(_ database: Database) async throws {}
  /// None but those of ServiceKit.
  package static var tablesKept: [String] { [] }
  /// None but those that every service has.
  package static var faultPoints: [String] { [] }

  /// The service as a program; see `ServiceProgram`.
  package static func main() async {
    await ServiceProgram<Self>.main()
  }

  static var allMigrations: [Migration] {
    commonMigrations(appRole: identity.appRole) + migrations
  }
}

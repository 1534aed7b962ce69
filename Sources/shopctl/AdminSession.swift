import EventLoops
import Postgres

/// Administrative SQL, as a superuser or as who may make roles and databases.
struct AdminSession: Sendable {
  let url: DatabaseURL

  private static let group = EventLoopGroup(count: 1)

  /// Runs the statements, all or none of them.
  /// - Throws: `Trouble` with the server's words.
  func run(_ statements: [SQL]) async throws {
    try await within(url.database) { database in
      try await database.transaction { transaction in
        for statement in statements { _ = try await transaction.execute(statement) }
      }
    }
  }

  /// Runs one statement by itself, for what no transaction may hold.
  func runAlone(_ statement: SQL, database name: String) async throws {
    try await within(name) { _ = try await $0.execute(statement) }
  }

  /// The single text that `query` answers; nil when it answers no row.
  func value(_ query: SQL, database name: String? = nil) async throws -> String? {
    try await within(name ?? url.database) { database in
      try await database.first(query) { try $0.next(as: String.self) }
    }
  }

  /// How long one statement of a `snapshot` may take.
  static let snapshotStatementMax: Duration = .seconds(120)

  /// Runs `body` in one transaction that only reads, and sees one instant of the whole database.
  /// - Throws: what `body` throws; `Trouble` with the server's words.
  func snapshot<Value: Sendable>(
    _ body: nonisolated(nonsending) (Transaction) async throws -> Value
  ) async throws -> Value {
    try await within(url.database, statementMax: Self.snapshotStatementMax) { database in
      try await database.transaction(isolation: .repeatableRead, readOnly: true, body)
    }
  }

  private func within<Value: Sendable>(
    _ name: String, statementMax: Duration? = nil, _ body: (Database) async throws -> Value
  ) async throws -> Value {
    var address = url
    address.database = name
    var configuration = try DatabaseConfiguration(url: address.text)
    if let statementMax { configuration.statementTimeout = statementMax }
    configuration.applicationName = "shopctl"
    configuration.preparedStatements = false
    let database = Database(configuration, group: Self.group)
    do {
      try await database.connect()
      let value = try await body(database)
      await database.close()
      return value
    } catch let error as PostgresError {
      await database.close()
      throw Trouble(
        "PostgreSQL refused an administrative statement.",
        evidence: [address.safeText, Self.reason(error)])
    }
  }

  /// The server's words without the statement, which may hold a role's password.
  private static func reason(_ error: PostgresError) -> String {
    switch error {
    case .refused(let sqlState, _, let message, _): "\(message) (\(sqlState))"
    case .notSent(let reason), .connectionLost(let reason), .unknownOutcome(let reason): reason
    case .timedOut: "no answer in time"
    case .poolExhausted, .decoding, .invalid: String(describing: error)
    }
  }
}

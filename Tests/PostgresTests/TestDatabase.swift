import EventLoops
import Postgres
import TestSupport

/// The loops of this test process.
let loops = EventLoopGroup(count: 2)

/// Runs `body` with a database of its own on the private server, and closes it.
func withDatabase(
  _ name: String, configure: (inout DatabaseConfiguration) -> Void = { _ in },
  _ body: (Database) async throws -> Void
) async throws {
  let url = try await PrivatePostgres.shared().makeDatabase(named: name)
  try await withDatabase(url: url, configure: configure, body)
}

/// Runs `body` with a database at `url`, and closes it.
func withDatabase<Value>(
  url: String, configure: (inout DatabaseConfiguration) -> Void = { _ in },
  _ body: (Database) async throws -> Value
) async throws -> Value {
  var configuration = try patientConfiguration(url: url)
  configure(&configuration)
  let database = Database(configuration, group: loops)
  do {
    let value = try await body(database)
    await database.close()
    return value
  } catch {
    await database.close()
    throw error
  }
}

extension PrivatePostgres {
  /// Makes a role that is no superuser: these have room of their own.
  ///
  /// - Parameter url: a superuser's, to the database that the role may use.
  /// - Returns: its name, which no other database's has, and its connection string.
  func makeRole(in url: String) async throws -> (name: String, url: String) {
    let name = "role_of_\(url.split(separator: "/").last ?? "")"
    try await withDatabase(url: url) { database in
      try await database.execute("CREATE ROLE \(identifier: name) LOGIN PASSWORD 'role'")
      try await database.execute("GRANT ALL ON SCHEMA public TO \(identifier: name)")
    }
    return (name, self.url(url, user: name, password: "role"))
  }
}

/// The error that `body` throws, if it is one of the database's.
func postgresError(_ body: () async throws -> Void) async -> PostgresError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? PostgresError
  }
}

/// Asks until the server's answer is true; not on a read connection, where it would wait for the
/// statement that it asks about.
func until(_ condition: SQL, in database: Database) async throws {
  while try await database.value("WITH c AS (\(condition)) TABLE c", as: Bool.self) != true {
    try Task.checkCancellation()
  }
}

/// Opens the connection that a statement like this needs, however short the times it may take are.
func warmUp(_ statement: SQL, in database: Database) async {
  while await postgresError({ try await database.execute(statement) }) != nil {}
}

/// Whether another session runs a statement with `mark` in its text.
func isRunning(_ mark: String) -> SQL {
  """
  SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
    AND datname = current_database() AND position(\(mark) IN query) > 0)
  """
}

/// Ends the sessions that run a statement with `mark` in its text.
func terminate(_ mark: String) -> SQL {
  """
  SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND datname = current_database() AND position(\(mark) IN query) > 0
  """
}

/// Whether `condition` becomes true in time.
func comesTrue(within limit: Duration, _ condition: () -> Bool) async -> Bool {
  let deadline = ContinuousClock.now + limit
  while !condition() {
    guard ContinuousClock.now < deadline else { return false }
    try? await Task.sleep(for: .milliseconds(5))  // when cancelled it only asks more often
  }
  return true
}

package import Postgres
import Synchronization

/// Whether this process should get requests: by its own schema and migrations alone. Never by peers
/// or Consul: an outage elsewhere would take this service down with it.
package final class Readiness: Sendable {
  /// One line of what `GET /health/ready` answers.
  package struct Check: Encodable, Sendable {
    let name: String
    let ok: Bool
    let detail: String?
  }

  private let database: Database
  private let migrations: [Migration]
  private let schema: String
  private let isDraining = Atomic<Bool>(false)
  /// Migrations do not go away: once complete, they are not looked for again.
  private let isMigrated = Atomic<Bool>(false)

  /// - Parameters:
  ///   - migrations: all that have to be applied before this process may get requests.
  ///   - schema: where the database keeps which were.
  package init(database: Database, migrations: [Migration], schema: String) {
    self.database = database
    self.migrations = migrations
    self.schema = schema
  }

  /// From now on not ready, for good: the service is about to end.
  package func drain() {
    isDraining.store(true, ordering: .relaxed)
  }

  var isReady: Bool {
    get async { await checks().allSatisfy(\.ok) }
  }

  func checks() async -> [Check] {
    if isDraining.load(ordering: .relaxed) {
      return [Check(name: "lifecycle", ok: false, detail: "draining")]
    }
    do {
      try await database.ping()
    } catch {
      return [Check(name: "database", ok: false, detail: "no answer")]
    }
    var checks = [Check(name: "database", ok: true, detail: nil)]
    if !isMigrated.load(ordering: .relaxed) {
      do {
        let pending = try await Migrator.pending(migrations, schema: schema, in: database)
        isMigrated.store(pending.isEmpty, ordering: .relaxed)
        checks.append(
          Check(
            name: "migrations", ok: pending.isEmpty,
            detail: pending.isEmpty ? nil : "pending: \(pending.joined(separator: ", "))"))
      } catch {
        checks.append(Check(name: "migrations", ok: false, detail: "the schema is not there"))
      }
    } else {
      checks.append(Check(name: "migrations", ok: true, detail: nil))
    }
    return checks
  }
}

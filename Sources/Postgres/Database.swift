package import EventLoops

/// A database as all loops share it: each loop has connections of its own.
///
/// Reads are pipelined on a few connections; a write or a transaction has a connection to itself. What
/// takes long goes to `reports`.
/// Nothing is opened before it is needed. On a loop's thread a call never leaves that thread; from
/// elsewhere it is handed to one of the loops.
///
/// A statement whose first word is SELECT, VALUES, TABLE or SHOW, or that begins with a parenthesis,
/// is a read; its session is read-only, so that one that writes nevertheless is refused (25006).
/// Everything else, `WITH` included, is a write that commits by itself. A read is tried again when its
/// connection is lost; a write never is.
package final class Database: SQLRunner {
  /// The loops that have connections of it.
  package let group: EventLoopGroup
  private let connections: [LoopConnections]
  let listener: NotificationListener
  private let commitHooks: CommitHooks?
  /// Whether a connection is the same server session from one statement to the next.
  let hasSessions: Bool

  package init(_ configuration: DatabaseConfiguration, group: EventLoopGroup) {
    self.group = group
    connections = group.loops.map { LoopConnections(configuration, loop: $0) }
    listener = NotificationListener(configuration, loop: group.loops[0])
    hasSessions = configuration.preparedStatements
    commitHooks = configuration.commitHooks
  }

  deinit {
    listener.close()
    for connections in connections { connections.closeAtOnce() }
  }

  // MARK: Statements

  package nonisolated(nonsending) func query<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> [R] {
    try await perform(statement).rows(decode)
  }

  package nonisolated(nonsending) func first<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> R? {
    try await perform(statement).firstRow(decode)
  }

  @discardableResult
  package nonisolated(nonsending) func execute(_ statement: SQL) async throws -> Int {
    try await perform(statement).affectedRows
  }

  // Each asynchronous call costs a look for the executor on its way in and out; inlined it does not.
  @inline(__always)
  private nonisolated(nonsending) func perform(_ statement: SQL) async throws -> StatementRun {
    let isRead = statement.isRead
    let run = StatementRun(statement, kind: isRead ? .read : .write)
    try await preferred.perform(run, at: isRead ? .reads : .writes)
    return run
  }

  var preferred: LoopConnections { connections[group.preferred.index] }

  // MARK: Transactions

  /// Runs `body` in a transaction on a connection of its own: commits when it returns, rolls back when
  /// it throws or the task is cancelled. The connection is taken when the first statement is run.
  ///
  /// Make no remote call in `body`: it would hold the connection, and locks, for its time.
  ///
  /// - Throws: what `body` throws; `PostgresError.unknownOutcome` if the answer to COMMIT was lost;
  ///   `CancellationError`; else `PostgresError` as its cases say.
  @discardableResult
  package nonisolated(nonsending) func transaction<T>(
    isolation: Isolation = .readCommitted, readOnly: Bool = false,
    _ body: nonisolated(nonsending) (Transaction) async throws -> T
  ) async throws -> T {
    let transaction = Transaction(on: preferred, isolation: isolation, readOnly: readOnly)
    do {
      let value = try await body(transaction)
      if let commitHooks { try await commitHooks.before() }
      try await transaction.commit()
      if let commitHooks { try await commitHooks.after() }
      return value
    } catch {
      transaction.abandon()
      throw error
    }
  }

  // MARK: Life

  /// Opens a connection if none is open.
  ///
  /// - Throws: `PostgresError.notSent` with the reason why none can be opened.
  package nonisolated(nonsending) func connect() async throws {
    try await ping()
  }

  /// Asks the server for an answer.
  ///
  /// - Throws: as `query`.
  package nonisolated(nonsending) func ping() async throws {
    try await execute("SELECT 1")
  }

  /// The connections of all loops.
  package var statistics: PoolStatistics {
    connections.reduce(into: PoolStatistics()) { $0.add($1.statistics) }
  }

  /// Of each statement that has a name (`SQL.named`) and was run, in the names' order.
  package var statementStatistics: [StatementStatistics] {
    var all: [String: StatementStatistics] = [:]
    for connections in connections {
      all.merge(connections.timings.all) { first, second in first.adding(second) }
    }
    return all.values.sorted { $0.name < $1.name }
  }

  /// Refuses new work, lets what is under way end (for at most a statement's longest time; no report gets
  /// longer), and closes the connections.
  package func close() async {
    listener.close()
    for connections in connections { await connections.close() }
  }
}

/// What a transaction sees of others (PostgreSQL's documentation, chapter Transaction Isolation).
package enum Isolation: Sendable {
  case readCommitted
  case repeatableRead
  /// May fail with 40001 at any statement or at COMMIT: run it again (`PostgresError.isRetryable`).
  case serializable
}

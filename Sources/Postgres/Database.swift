package import EventLoops

/// A database as all loops share it: each loop has connections of its own.
///
/// Reads are pipelined on a few connections; a write or a transaction has a connection to itself.
/// Nothing is opened before it is needed. On a loop's thread a call never leaves that thread; from
/// elsewhere it is handed to one of the loops.
package final class Database: SQLRunner {
  let configuration: DatabaseConfiguration
  let group: EventLoopGroup

  package init(_ configuration: DatabaseConfiguration, group: EventLoopGroup) {
    self.configuration = configuration
    self.group = group
  }

  package nonisolated(nonsending) func query<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> [R] {
    throw PostgresError.notSent(reason: "no connection")
  }

  package nonisolated(nonsending) func first<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> R? {
    throw PostgresError.notSent(reason: "no connection")
  }

  @discardableResult
  package nonisolated(nonsending) func execute(_ statement: SQL) async throws -> Int {
    throw PostgresError.notSent(reason: "no connection")
  }

  /// Runs `body` in a transaction on a connection of its own: commits when it returns, rolls back when
  /// it throws or the task is cancelled. The connection is taken when the first statement is run.
  ///
  /// Make no remote call in `body`: it would hold the connection, and locks, for its time.
  ///
  /// - Throws: what `body` throws; `PostgresError.unknownOutcome` if the answer to COMMIT was lost;
  ///   `CancellationError`; else `PostgresError` as its cases say.
  package nonisolated(nonsending) func transaction<T>(
    isolation: Isolation = .readCommitted, readOnly: Bool = false,
    _ body: nonisolated(nonsending) (Transaction) async throws -> T
  ) async throws -> T {
    throw PostgresError.notSent(reason: "no connection")
  }

  /// Opens a connection if none is open.
  ///
  /// - Throws: `PostgresError.notSent` with the reason why none can be opened.
  package nonisolated(nonsending) func connect() async throws {
    throw PostgresError.notSent(reason: "no connection")
  }

  /// Asks the server for an answer.
  package nonisolated(nonsending) func ping() async throws {
    try await execute("SELECT 1")
  }

  /// Refuses new work, lets what is under way end, and closes the connections.
  package nonisolated(nonsending) func close() async {
  }
}

/// What a transaction sees of others (PostgreSQL's documentation, chapter Transaction Isolation).
package enum Isolation: Sendable {
  case readCommitted
  case repeatableRead
  /// May fail with 40001 at any statement or at COMMIT: run it again (`PostgresError.isRetryable`).
  case serializable
}

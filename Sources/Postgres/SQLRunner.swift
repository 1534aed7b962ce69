/// Where statements can be run: a `Database` or a `Transaction`. Repositories that take either take
/// this.
package protocol SQLRunner: Sendable {
  /// Runs `statement` and decodes each of its rows.
  ///
  /// - Throws: `PostgresError`, `CancellationError`, or what `decode` throws.
  nonisolated(nonsending) func query<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> [R]

  /// Runs `statement` and decodes its first row, if it has one.
  ///
  /// - Throws: as `query`.
  nonisolated(nonsending) func first<R>(
    _ statement: SQL, _ decode: (inout Row) throws -> R
  ) async throws -> R?

  /// Runs `statement`.
  ///
  /// - Returns: how many rows it inserted, updated, deleted or selected; 0 for other commands.
  /// - Throws: `PostgresError` or `CancellationError`.
  @discardableResult
  nonisolated(nonsending) func execute(_ statement: SQL) async throws -> Int

  /// Runs `statement`, whose answer nobody needs: in a transaction with the next statement or COMMIT, in
  /// one round trip, and that one throws if it is refused; elsewhere at once.
  ///
  /// - Throws: as `execute`.
  nonisolated(nonsending) func send(_ statement: SQL) async throws
}

extension SQLRunner {
  package nonisolated(nonsending) func send(_ statement: SQL) async throws {
    try await execute(statement)
  }

  /// The first column of each row.
  ///
  /// - Throws: as `query`.
  package nonisolated(nonsending) func values<T: SQLDecodable>(
    _ statement: SQL, as type: T.Type = T.self
  ) async throws -> [T] {
    try await query(statement) { row in try row.next() }
  }

  /// The first column of the first row; nil if there is no row, or if it is NULL there.
  ///
  /// - Throws: as `query`.
  package nonisolated(nonsending) func value<T: SQLDecodable>(
    _ statement: SQL, as type: T.Type = T.self
  ) async throws -> T? {
    try await first(statement) { row in try row.next(as: T?.self) } ?? nil
  }
}

/// A transaction under way, on a connection of its own. Lent to the body of `Database.transaction`;
/// after that its statements are refused.
package final class Transaction: SQLRunner {
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

  /// Runs `body` so that what it did is undone, and the transaction can go on, if it throws.
  ///
  /// - Throws: what `body` throws; else as `query`.
  package nonisolated(nonsending) func savepoint<T>(
    _ body: nonisolated(nonsending) (Transaction) async throws -> T
  ) async throws -> T {
    throw PostgresError.notSent(reason: "no connection")
  }
}

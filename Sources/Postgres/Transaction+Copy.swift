extension Transaction {
  /// Loads many rows by `COPY .. FROM STDIN (FORMAT binary)`, several times as fast as by INSERT. They
  /// are made one after another and never all in memory.
  ///
  ///     try await transaction.copy(into: "products (id, name)") { rows in
  ///       for product in products { try await rows.append(product.id, product.name) }
  ///     }
  ///
  /// While it runs, the transaction's other statements are refused. The server's own
  /// `statement_timeout` counts for the whole, this module's for each piece of the rows: `SET LOCAL`
  /// another one for what takes long.
  ///
  /// - Parameters:
  ///   - target: a table and its columns.
  ///   - body: adds the rows.
  /// - Returns: how many rows were loaded.
  /// - Throws: what `body` throws; else as `query`. Then no row is loaded, and the transaction has failed,
  ///   unless this ran under a `savepoint`.
  @discardableResult
  package nonisolated(nonsending) func copy(
    into target: SQL, _ body: nonisolated(nonsending) (inout CopyWriter) async throws -> Void
  ) async throws -> Int {
    precondition(target.parameters.isEmpty, "COPY takes no parameters")
    let statement: SQL = "COPY \(target) FROM STDIN (FORMAT binary)"
    // Takes BEGIN and what was put off with it: a COPY shares no batch.
    try await execute("")
    do {
      try await perform(.begin, of: statement)
      var writer = CopyWriter(statement, in: self)
      try await body(&writer)
      try await writer.finish()
      return try await perform(.end, of: statement).affectedRows
    } catch {
      let run = StatementRun(statement, kind: .inTransaction)
      // If that fails as well the connection is gone: the first error is the one to tell.
      try? await connections.performToTheEnd(run, at: .copy(self, .giveUp))
      throw error
    }
  }

  @discardableResult
  nonisolated(nonsending) func perform(
    _ step: CopyStep, of statement: SQL
  ) async throws -> StatementRun {
    let run = StatementRun(statement, kind: .inTransaction)
    try await connections.perform(run, at: .copy(self, step))
    return run
  }
}

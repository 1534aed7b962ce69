import EventLoops

extension Database {
  /// This database for reads that take long: sums over a whole ledger, checks of every row, counts for a
  /// list of all.
  package var reports: Reports { Reports(database: self) }
}

/// A database for reads that take long. They have connections of their own, one at a time on each, so that no
/// short read ever waits behind one; few, so that they leave the server to the others; and a longer time
/// limit, which the server keeps (`reportTimeout`).
///
/// A report is planned anew each time, for the values that it has; one that writes is refused (25006); one
/// that loses its connection is not run again.
package struct Reports: SQLRunner {
  let database: Database

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

  private nonisolated(nonsending) func perform(_ statement: SQL) async throws -> StatementRun {
    let run = StatementRun(statement, kind: .inTransaction)
    try await database.preferred.perform(run, at: .reports)
    return run
  }
}

extension DatabaseConfiguration {
  /// This as the connections for reports have it.
  var forReports: DatabaseConfiguration {
    var reporting = self
    reporting.transactionConnectionsPerLoop = reportConnectionsPerLoop
    reporting.leaseWaitMax = reportTimeout
    reporting.leaseWaitersMax = reportWaitersMax
    // The server stops a report first, and knows better what it stopped.
    reporting.statementTimeout = reportTimeout + stopGrace
    reporting.preparedStatements = false
    return reporting
  }

  /// Goes ahead of each report and holds for its transaction alone, so that it is the same behind a proxy,
  /// which gives the session to the next.
  var reportSettings: SQL {
    let milliseconds = Int(reportTimeout / .milliseconds(1))
    return """
      SELECT set_config('transaction_read_only', 'on', true),
        set_config('statement_timeout', \("\(milliseconds)"), true)
      """
  }
}

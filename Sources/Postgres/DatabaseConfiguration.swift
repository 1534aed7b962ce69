/// What a drill does right before and right after a transaction commits.
package struct CommitHooks: Sendable {
  /// What it throws rolls the transaction back.
  let before: @Sendable () async throws -> Void
  /// What it throws is what the transaction throws, although it was committed.
  let after: @Sendable () async throws -> Void

  package init(
    before: @escaping @Sendable () async throws -> Void,
    after: @escaping @Sendable () async throws -> Void
  ) {
    self.before = before
    self.after = after
  }
}

/// Where the database is, and the bounds of what is opened and waited for.
package struct DatabaseConfiguration: Sendable {
  let target: ConnectionTarget

  /// Pipelined connections of each loop, for reads; opened as they are needed.
  package var readConnectionsPerLoop = 4
  /// Connections of each loop for transactions and writes; opened as they are needed.
  package var transactionConnectionsPerLoop = 4
  /// How many reads may wait for a connection on each loop; more are refused at once.
  package var readWaitersMax = 2048
  /// How long a transaction or a write waits for others to free a connection; for the first one to be
  /// opened it waits `connectTimeout`.
  package var leaseWaitMax: Duration = .seconds(2)
  /// How many may wait for a connection on each loop; more are refused at once.
  package var leaseWaitersMax = 1024
  /// How long one attempt to connect may take, name resolution included. Of several hosts each gets an
  /// equal share of what is left.
  package var connectTimeout: Duration = .seconds(5)
  /// How long a statement may take. A read's wait for room on an open connection counts, no other wait does.
  /// A little more than the server's own `statement_timeout`, which knows better what it stopped.
  package var statementTimeout: Duration = .seconds(6)
  /// Connections of each loop for reports; opened as they are needed.
  package var reportConnectionsPerLoop = 2
  /// How long a report may take, by the server's clock, waiting not included; and how long one waits for
  /// others to free a connection.
  package var reportTimeout: Duration = .seconds(30)
  /// How many reports may wait on each loop; more are refused at once.
  package var reportWaitersMax = 16
  /// How long the server may take to stop a statement that it was asked to stop, and to roll back;
  /// then the connection is closed.
  package var stopGrace: Duration = .seconds(1)
  /// Off for proxies that give each transaction another server connection (PgBouncer).
  package var preparedStatements = true
  /// Different statements prepared on each connection; further ones run unprepared.
  package var preparedStatementsMax = 256
  /// The first and the longest pause after a failed attempt to connect.
  package var reconnectDelay: ClosedRange<Duration> = .milliseconds(50) ... .seconds(2)
  /// How old a connection gets, give or take a tenth, so that those opened together do not end together.
  /// Then another is opened in its place, and it is closed when nothing is under way on it any more: a
  /// server process does not keep for ever what it has gathered, and after a failover or a change of
  /// addresses everybody has moved in the end. One that nobody uses is left alone.
  package var connectionAgeMax: Duration = .seconds(30 * 60)
  /// How often the connection that listens is asked for a sign of life, by the next of which it must have come.
  package var listenCheckInterval: Duration = .seconds(10)
  /// Run around the COMMIT of each transaction; nil costs nothing. For drills.
  package var commitHooks: CommitHooks?
  /// Shown in `pg_stat_activity`.
  package var applicationName = "shop"

  /// - Parameter url: `postgresql://user:password@host:port/database?..`, or any other connection
  ///   string that libpq takes (libpq's documentation, section Connection Strings), several hosts
  ///   included.
  /// - Throws: `PostgresError.invalid`; the message does not repeat the string.
  package init(url: String) throws {
    target = try ConnectionTarget(url: url)
  }
}

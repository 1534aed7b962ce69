import EventLoops

/// A transaction under way, on a connection of its own. Lent to the body of `Database.transaction`;
/// after that its statements are refused.
///
/// Its statements run in the order of the calls, also when several are under way at once. When one
/// is refused the server refuses all later ones (25P02), unless it ran under a `savepoint`.
package final class Transaction: SQLRunner, Tenant, @unchecked Sendable {
  // @unchecked: touched on its loop's thread alone.

  private enum Phase {
    /// No statement yet, and so no connection.
    case new
    case waiting
    case open(Connection)
    case ended(PostgresError)
  }

  let isReadOnly: Bool
  private let connections: LoopConnections
  private var phase = Phase.new
  /// Sent ahead of the next statement, in the same batch: BEGIN, SAVEPOINT and the like cost no
  /// round trip of their own.
  private var prelude: [SQL]
  private var hasBegun = false
  private var waiting: [StatementRun] = []
  private var savepoints = 0

  init(on connections: LoopConnections, isolation: Isolation, readOnly: Bool) {
    self.connections = connections
    isReadOnly = readOnly
    prelude = [isolation.begin(readOnly: readOnly)]
  }

  private var loop: EventLoop { connections.loop }

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

  private nonisolated(nonsending) func perform(_ statement: SQL) async throws -> StatementRun {
    let run = StatementRun(statement, kind: .inTransaction)
    try await connections.perform(run, at: .transaction(self))
    return run
  }

  /// Runs `body` so that what it did is undone, and the transaction can go on, if it throws. Savepoints
  /// nest; two at once beside each other do not work.
  ///
  /// - Throws: what `body` throws; else as `query`.
  @discardableResult
  package nonisolated(nonsending) func savepoint<T>(
    _ body: nonisolated(nonsending) (Transaction) async throws -> T
  ) async throws -> T {
    let name = "shop_\(await nextSavepoint())"
    let value: T
    do {
      value = try await body(self)
    } catch {
      // If that fails as well the transaction cannot commit: the first error is the one to tell.
      try? await undo(to: name)
      throw error
    }
    try await execute("RELEASE SAVEPOINT \(identifier: name)")
    return value
  }

  private nonisolated(nonsending) func nextSavepoint() async -> Int {
    await withUnsafeContinuation { continuation in
      loop.execute { [self] in
        savepoints += 1
        prelude.append("SAVEPOINT \(identifier: "shop_\(savepoints)")")
        continuation.resume(returning: savepoints)
      }
    }
  }

  private nonisolated(nonsending) func undo(to name: String) async throws {
    try await execute("ROLLBACK TO SAVEPOINT \(identifier: name)")
    try await execute("RELEASE SAVEPOINT \(identifier: name)")
  }

  // MARK: The end

  /// - Throws: `PostgresError.unknownOutcome` if the answer was lost; otherwise nothing was committed.
  nonisolated(nonsending) func commit() async throws {
    let run = StatementRun("COMMIT", kind: .commit)
    try await connections.performToTheEnd(run, at: .commit(self))
    // The server answers COMMIT in a failed transaction with success, and this tag.
    if run.commandTag == "ROLLBACK" { throw Self.failed("one of its statements had failed") }
  }

  /// Rolls back; does not wait for it.
  func abandon() {
    loop.execute { [self] in
      let connection = openConnection
      phase = .ended(.notSent(reason: "the transaction has ended"))
      if let connection { connections.writes.release(connection) }
    }
  }

  private static func failed(_ why: String) -> PostgresError {
    .refused(
      sqlState: "25P02", constraint: nil,
      message: "the transaction was rolled back, because \(why)", statement: "COMMIT")
  }

  // MARK: On the loop

  private var openConnection: Connection? {
    if case .open(let connection) = phase { connection } else { nil }
  }

  func submit(_ run: StatementRun) {
    switch phase {
    case .new:
      waiting.append(run)
      phase = .waiting
      connections.writes.lease(self)
    case .waiting: waiting.append(run)
    case .open(let connection): send(run, on: connection)
    case .ended(let error): run.fail(error)
    }
  }

  func submitCommit(_ run: StatementRun) {
    switch phase {
    case .new:
      phase = .ended(.notSent(reason: "the transaction has ended"))
      run.succeedWithoutResult()
    case .waiting:
      phase = .ended(.notSent(reason: "the transaction has ended"))
      run.fail(Self.failed("one of its statements was given up"))
    case .ended(let error): run.fail(error)
    case .open(let connection):
      phase = .ended(.notSent(reason: "the transaction has ended"))
      if connection.inFlight > 0 || connection.hasAnsweredAbandoned {
        run.fail(Self.failed("one of its statements was given up"))
        connections.writes.release(connection)
      } else if !hasBegun {
        run.succeedWithoutResult()
        connections.writes.release(connection)
      } else {
        send(run, on: connection)
      }
    }
  }

  private func send(_ run: StatementRun, on connection: Connection) {
    let deadline = loop.now + connections.configuration.statementTimeout
    run.deadline = deadline
    let before = prelude.map { statement in
      let control = StatementRun(statement, kind: .control)
      control.deadline = deadline
      return control
    }
    prelude.removeAll()
    hasBegun = true
    connection.sendAlone(before + [run])
  }

  var wantsConnection: Bool { waiting.contains { !$0.isEnded } }

  func moveIn(_ connection: Connection) {
    guard case .waiting = phase else { return connections.writes.release(connection) }
    phase = .open(connection)
    let runs = waiting
    waiting = []
    for run in runs where !run.isEnded { send(run, on: connection) }
  }

  func refuse(_ error: PostgresError) {
    phase = .ended(error)
    for run in waiting { run.fail(error) }
    waiting = []
  }

  func connectionDrained(_ connection: Connection) {
    // COMMIT has been answered, or nothing was to be committed.
    if case .ended = phase { connections.writes.release(connection) }
  }

  func connectionLost(reason: String) {
    if case .ended = phase { return }
    phase = .ended(.connectionLost(reason: reason))
  }
}

extension Isolation {
  func begin(readOnly: Bool) -> SQL {
    switch (self, readOnly) {
    case (.readCommitted, false): "BEGIN ISOLATION LEVEL READ COMMITTED"
    case (.repeatableRead, false): "BEGIN ISOLATION LEVEL REPEATABLE READ"
    case (.serializable, false): "BEGIN ISOLATION LEVEL SERIALIZABLE"
    case (.readCommitted, true): "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
    case (.repeatableRead, true): "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    case (.serializable, true): "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
    }
  }
}

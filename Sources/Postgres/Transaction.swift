import EventLoops

/// A transaction under way, on a connection of its own. Lent to the body of `Database.transaction`;
/// after that its statements are refused.
///
/// Its statements run in the order of the calls, also when several are under way at once. When one
/// is refused the server refuses all later ones (25P02), unless it ran under a `savepoint`. What nobody
/// needs the answer of is put off by `send`, and then costs no round trip.
package final class Transaction: SQLRunner, Tenant, @unchecked Sendable {
  // @unchecked: touched on its loop's thread alone.

  private enum Phase {
    /// No statement yet, and so no connection.
    case new
    case waiting
    case open(Connection)
    case ended(PostgresError)
  }

  private struct Savepoint {
    let name: String
    /// Its SAVEPOINT.
    let run: StatementRun
  }

  /// Statements that wait for one to go with; one more is not put off.
  private static let putOffMax = 128
  private static let over = PostgresError.notSent(reason: "the transaction has ended")

  let isReadOnly: Bool
  let connections: LoopConnections
  private var phase = Phase.new
  /// Sent ahead of the next statement, in the same batch: BEGIN, SAVEPOINT and the like, and what was
  /// put off, cost no round trip of their own. When one of them is refused, so is that statement.
  private var prelude: [StatementRun]
  private var hasBegun = false
  private var waiting: [StatementRun] = []
  private var savepoints = 0

  init(on connections: LoopConnections, isolation: Isolation, readOnly: Bool) {
    self.connections = connections
    isReadOnly = readOnly
    prelude = [StatementRun(isolation.begin(readOnly: readOnly), kind: .control)]
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

  /// Puts `statement` off until the next one whose answer is awaited, or COMMIT: they go in one batch.
  /// If it is refused, that one throws its error; later statements are not run, and nothing is committed.
  ///
  /// - Throws: as `execute`, of earlier statements, when as many wait as may.
  package nonisolated(nonsending) func send(_ statement: SQL) async throws {
    let run = StatementRun(statement, kind: .control)
    if await onLoop({ self.putOff(run) }) { return }
    try await execute(statement)
  }

  /// Runs `body` so that what it did is undone, and the transaction can go on, if it throws. Savepoints
  /// nest; two at once beside each other do not work.
  ///
  /// - Throws: what `body` throws; else as `query`.
  @discardableResult
  package nonisolated(nonsending) func savepoint<T>(
    _ body: nonisolated(nonsending) (Transaction) async throws -> T
  ) async throws -> T {
    let savepoint = await onLoop { self.setSavepoint() }
    do {
      let value = try await body(self)
      if await !onLoop({ self.putOffRelease(of: savepoint) }) {
        try await execute(Self.release(savepoint))
      }
      return value
    } catch {
      await onLoop { self.putOffUndoing(savepoint) }
      throw error
    }
  }

  private static func release(_ savepoint: Savepoint) -> SQL {
    "RELEASE SAVEPOINT \(identifier: savepoint.name)"
  }

  private nonisolated(nonsending) func onLoop<Value: Sendable>(
    _ action: @escaping @Sendable () -> Value
  ) async -> Value {
    await withUnsafeContinuation { continuation in
      loop.execute { continuation.resume(returning: action()) }
    }
  }

  // MARK: The end

  /// Commits, with what was put off; once sent, deaf to cancellation.
  ///
  /// - Throws: `PostgresError.unknownOutcome` if the answer was lost; otherwise nothing was committed.
  nonisolated(nonsending) func commit() async throws {
    let run = StatementRun("COMMIT", kind: .commit)
    try await connections.perform(run, at: .commit(self))
    // The server answers COMMIT in a failed transaction with success, and this tag.
    if run.commandTag == "ROLLBACK" { throw Self.failed("one of its statements had failed") }
  }

  /// Rolls back what is not committed; does not wait for it.
  func abandon() {
    loop.execute { [self] in
      let connection = openConnection
      phase = .ended(Self.over)
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

  /// Nothing was sent, and nothing is to be.
  private var isUntouched: Bool { !hasBegun && prelude.count == 1 }

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

  func submit(_ step: CopyStep, _ run: StatementRun) {
    guard case .open(let connection) = phase else {
      // It was open when the COPY began.
      if case .ended(let error) = phase { run.fail(error) }
      return
    }
    // Giving up has no time of its own: if the server is not there to read of it, the next sweep stops it.
    run.deadline = loop.now
    if !step.givesUp { run.deadline = run.deadline + connections.configuration.statementTimeout }
    connection.copy(step, run)
  }

  func submitCommit(_ run: StatementRun) {
    switch phase {
    case .new where isUntouched:
      phase = .ended(Self.over)
      run.succeedWithoutResult()
    case .new, .ended: submit(run)
    case .waiting:
      phase = .ended(Self.over)
      run.fail(Self.failed("one of its statements was given up"))
    case .open(let connection):
      if connection.inFlight > 0 || connection.hasAnsweredAbandoned {
        phase = .ended(Self.over)
        run.fail(Self.failed("one of its statements was given up"))
        connections.writes.release(connection)
      } else if isUntouched {
        phase = .ended(Self.over)
        run.succeedWithoutResult()
        connections.writes.release(connection)
      } else {
        send(run, on: connection)
      }
    }
  }

  private func send(_ run: StatementRun, on connection: Connection) {
    let batch = prelude + [run]
    prelude.removeAll()
    hasBegun = true
    let deadline = loop.now + connections.configuration.statementTimeout
    for run in batch { run.deadline = deadline }
    for run in batch.dropLast() { connections.timings.begin(run, on: loop) }
    let isCommit = run.kind == .commit
    if isCommit { phase = .ended(Self.over) }
    connection.sendAlone(batch)
    // Nothing is under way if it could not be sent, so no answer will end the lease.
    if isCommit, !connection.isClosed, connection.isDrained {
      connections.writes.release(connection)
    }
  }

  // MARK: What goes with the next statement

  /// - Returns: false if it is to be awaited: there is no room, or no transaction any more.
  private func putOff(_ run: StatementRun) -> Bool {
    if case .ended = phase { return false }
    guard prelude.count < Self.putOffMax else { return false }
    prelude.append(run)
    return true
  }

  private func setSavepoint() -> Savepoint {
    savepoints += 1
    let name = "shop_\(savepoints)"
    let run = StatementRun("SAVEPOINT \(identifier: name)", kind: .control)
    prelude.append(run)
    return Savepoint(name: name, run: run)
  }

  /// - Returns: false if the release is to be awaited: what goes with it may be refused, and is then to be
  ///   undone.
  private func putOffRelease(of savepoint: Savepoint) -> Bool {
    if prelude.last === savepoint.run {
      prelude.removeLast()
      return true
    }
    guard prelude.isEmpty else { return false }
    prelude.append(StatementRun(Self.release(savepoint), kind: .control))
    return true
  }

  private func putOffUndoing(_ savepoint: Savepoint) {
    if let unsent = prelude.firstIndex(where: { $0 === savepoint.run }) {
      prelude.removeSubrange(unsent...)
    } else {
      // What has not been sent came after it.
      let rollback: SQL = "ROLLBACK TO SAVEPOINT \(identifier: savepoint.name)"
      prelude = [rollback, Self.release(savepoint)].map { StatementRun($0, kind: .control) }
    }
  }

  // MARK: As a tenant

  var wantsConnection: Bool { waiting.contains { !$0.isEnded } }

  func moveIn(_ connection: Connection) {
    guard case .waiting = phase else { return connections.writes.release(connection) }
    phase = .open(connection)
    let runs = waiting
    waiting = []
    for run in runs where !run.isEnded { submit(run) }
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

import DequeModule
import EventLoops

/// The pipelined connections of one loop. Their sessions are read-only: reads of different callers
/// share a batch, and a write among them could be undone by a stranger's error.
final class ReadLane: ConnectionOwner {
  /// A read is sent on a second connection when the first went under it, and no more often.
  private static let connectionsPerReadMax = 2

  private let configuration: DatabaseConfiguration
  private let opener: ConnectionOpener
  private let loop: EventLoop
  @exclusivity(unchecked) private(set) var connections: [Connection] = []  // see DescriptorWatch
  @exclusivity(unchecked) private var openingCount = 0
  /// Reads that wait for the first connection; the attempt to open it has a time limit.
  private var waiting = Deque<StatementRun>()
  private(set) var isClosed = false
  var changed: () -> Void = {}

  init(_ configuration: DatabaseConfiguration, opener: ConnectionOpener, loop: EventLoop) {
    self.configuration = configuration
    self.opener = opener
    self.loop = loop
  }

  /// Whether there is nothing that a sweep could end.
  var isIdle: Bool {
    waiting.isEmpty && connections.allSatisfy(\.isDrained)
  }

  var isEmpty: Bool { connections.isEmpty && openingCount == 0 }

  func submit(_ run: StatementRun) {
    guard !isClosed else {
      return refuse(run, .notSent(reason: "the database is closed"))
    }
    run.deadline = loop.now + configuration.statementTimeout
    guard let connection = leastBusy() else { return wait(run) }
    if connection.inFlight > 0 { openAnother() }
    guard connection.inFlight < configuration.pipelineDepthMax else {
      return run.fail(PostgresError.poolExhausted)
    }
    send(run, on: connection)
  }

  private func send(_ run: StatementRun, on connection: Connection) {
    if configuration.preparedStatements {
      connection.send(run)
    } else {
      // Behind a proxy the session's read-only setting does not hold: nothing shares a batch.
      connection.sendAlone(run)
    }
  }

  private func leastBusy() -> Connection? {
    var best: Connection?
    for connection in connections
    where connection.inFlight < best?.inFlight ?? .max && !connection.isReplaced {
      best = connection
    }
    return best
  }

  private func wait(_ run: StatementRun) {
    openAnother()
    guard openingCount > 0 else {
      return refuse(run, opener.refusal ?? .notSent(reason: "no connection"))
    }
    guard waiting.count < configuration.pipelineDepthMax else {
      return run.fail(PostgresError.poolExhausted)
    }
    waiting.append(run)
  }

  private func openAnother() {
    guard connections.count < configuration.readConnectionsPerLoop else { return }
    open(insteadOf: nil)
  }

  /// - Parameter old: serves until the other is there, and goes on if there will be none.
  private func open(insteadOf old: Connection?) {
    guard openingCount == 0, opener.refusal == nil else { return }
    openingCount += 1
    opener.open { [self] in opened($0, insteadOf: old) }
  }

  private func opened(
    _ result: Result<Connection, PostgresError>, insteadOf old: Connection?
  ) {
    openingCount -= 1
    switch result {
    case .success(let connection):
      connection.owner = self
      connections.append(connection)
      guard !isClosed else { return connection.lose("closed") }
      if configuration.preparedStatements {
        let setting = StatementRun("SET default_transaction_read_only = on", kind: .control)
        setting.deadline = loop.now + configuration.statementTimeout
        connection.sendAlone(setting)
      }
      if let old {
        old.isReplaced = true
        if old.isDrained { old.lose("replaced") }
      }
      while let run = waiting.popFirst() {
        if !run.isEnded { submit(run) }
      }
    case .failure(let error):
      if connections.isEmpty { failWaiting(error) }
    }
    changed()
  }

  private func failWaiting(_ error: PostgresError) {
    while let run = waiting.popFirst() { refuse(run, error) }
  }

  /// There is no connection for `run`. If one went under it before, it was sent all the same.
  private func refuse(_ run: StatementRun, _ error: PostgresError) {
    if run.failedAttempts > 0 { run.lose(error.reason) } else { run.fail(error) }
  }

  func connectionDrained(_ connection: Connection) {
    if isClosed || connection.isReplaced { connection.lose("closed") }
  }

  func connectionLost(_ connection: Connection, reason: String, unanswered: [StatementRun]) {
    connections.removeAll { $0 === connection }
    for run in unanswered where !run.isEnded {
      run.failedAttempts += 1
      if run.failedAttempts < Self.connectionsPerReadMax, !isClosed {
        submit(run)
      } else {
        run.lose(reason)
      }
    }
    changed()
  }

  // MARK: Time

  /// Ends the reads whose time is up, stops what the server runs for nobody, and looks for a connection
  /// to replace.
  func sweep(at now: MonotonicTime) {
    // One at a time, and so at most one more than there may be.
    if !isClosed, connections.count <= configuration.readConnectionsPerLoop,
      let old = connections.first(where: { $0.isOld(at: now) })
    {
      open(insteadOf: old)
    }
    for connection in connections {
      connection.forEachUnanswered { run in
        if run.deadline <= now {
          run.fail(PostgresError.timedOut(statement: run.statement.shownText))
        }
      }
      guard let running = connection.running, running.isEnded else { continue }
      // Ended by its caller or its time, yet the others behind it wait for it.
      if running.deadline + configuration.stopGrace <= now {
        connection.lose("the server did not stop a statement in time")
      } else if running.isStopping {
        connection.cancelRunning()
      } else {
        // Most are answered before the next sweep, and a cancellation would hit the one behind.
        running.isStopping = true
      }
    }
  }

  func close(atOnce: Bool) {
    isClosed = true
    failWaiting(.notSent(reason: "the database is closed"))
    for connection in connections where atOnce || connection.isDrained { connection.lose("closed") }
  }
}

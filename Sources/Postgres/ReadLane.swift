import DequeModule
import EventLoops

/// The pipelined connections of one loop. Their sessions are read-only: reads of different callers
/// share a batch, and a write among them could be undone by a stranger's error.
///
/// Reads wait in one line. At the end of a turn idle connections get what waits, in equal shares, and what that
/// leaves those that have little left to do.
final class ReadLane: ConnectionOwner {
  /// A read is sent on a second connection when the first went under it, and no more often.
  private static let connectionsPerReadMax = 2
  /// Reads that one Sync ends. More would leave the other connections with less.
  private static let batchMax = 16
  /// A connection with fewer reads unanswered than this gets its next batch. With none the server would run
  /// dry while that is on its way; with more the batches would be smaller, and each costs both sides a system
  /// call and often a switch of threads. (Nagle's algorithm, RFC 896, waits for the same reason.)
  private static let nextBatchBelow = 9

  private let configuration: DatabaseConfiguration
  private let opener: ConnectionOpener
  private let loop: EventLoop
  @exclusivity(unchecked) private(set) var connections: [Connection] = []  // see DescriptorWatch
  @exclusivity(unchecked) private var openingCount = 0
  /// Reads that no connection has yet. Those that have ended there are passed over.
  @exclusivity(unchecked) private var waiting = Deque<StatementRun>()
  @exclusivity(unchecked) private var willDispatch = false
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
    if waiting.count >= configuration.readWaitersMax { waiting.removeAll(where: \.isEnded) }
    guard waiting.count < configuration.readWaitersMax else { return refuse(run, .poolExhausted) }
    run.deadline = loop.now + configuration.statementTimeout
    waiting.append(run)
    dispatchLater()
  }

  private func dispatchLater() {
    guard !willDispatch else { return }
    willDispatch = true
    loop.beforeWaiting { [self] in
      willDispatch = false
      dispatch()
    }
  }

  private func dispatch() {
    if waiting.count > connections.count(where: isFree) { openAnother() }
    if openingCount == 0, connections.allSatisfy(\.isReplaced) {
      failWaiting(opener.refusal ?? .notSent(reason: "no connection"))
    }
    // What another has to do may take long.
    share(among: isFree)
    share(among: hasRoom)
    if isClosed { closeDrained() }
  }

  /// Gives what waits to the connections for which `isMeant` holds, in equal shares.
  private func share(among isMeant: (Connection) -> Bool) {
    var left = connections.count(where: isMeant)
    for connection in connections where !waiting.isEmpty && isMeant(connection) {
      send(min((waiting.count + left - 1) / left, Self.batchMax), on: connection)
      left -= 1
    }
  }

  private func isFree(_ connection: Connection) -> Bool {
    connection.inFlight == 0 && !connection.isReplaced
  }

  private func hasRoom(_ connection: Connection) -> Bool {
    connection.inFlight < Self.nextBatchBelow && !connection.isReplaced
  }

  /// Sends the first `count` of those that wait.
  private func send(_ count: Int, on connection: Connection) {
    var left = count
    while left > 0, !connection.isClosed, let run = waiting.popFirst() {
      if run.isEnded { continue }
      left -= 1
      if configuration.preparedStatements {
        connection.add(run)
      } else {
        // Behind a proxy the session's read-only setting does not hold: nothing shares a batch.
        connection.sendAlone(run)
      }
    }
    connection.endBatch()
  }

  private func openAnother() {
    let count = connections.count { !$0.isReplaced }
    guard !isClosed, count < configuration.readConnectionsPerLoop else { return }
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
      if connections.count == 1 {
        // Their time begins.
        for run in waiting { run.deadline = loop.now + configuration.statementTimeout }
      }
      dispatchLater()
    case .failure(let error):
      if connections.isEmpty { failWaiting(error) }
    }
    changed()
  }

  private func failWaiting(_ error: PostgresError) {
    while let run = waiting.popFirst() { refuse(run, error) }
  }

  /// There is no room for `run`. If a connection went under it before, it was sent all the same.
  private func refuse(_ run: StatementRun, _ error: PostgresError) {
    if run.failedAttempts > 0 { run.lose(error.reason) } else { run.fail(error) }
  }

  func connectionAnswered(_ connection: Connection) {
    if !waiting.isEmpty { dispatchLater() }
  }

  func connectionDrained(_ connection: Connection) {
    if connection.isReplaced || isClosed && waiting.isEmpty { connection.lose("closed") }
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
    if !waiting.isEmpty { dispatchLater() }
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
    // Without a connection they wait for the first, for as long as an attempt may take.
    if !connections.isEmpty {
      for run in waiting where run.deadline <= now { refuse(run, .poolExhausted) }
    }
    waiting.removeAll(where: \.isEnded)
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
    if atOnce || connections.isEmpty { failWaiting(.notSent(reason: "the database is closed")) }
    if atOnce {
      for connection in connections { connection.lose("closed") }
    } else {
      closeDrained()
    }
  }

  /// What waits is still sent.
  private func closeDrained() {
    guard waiting.isEmpty else { return }
    for connection in connections where connection.isDrained { connection.lose("closed") }
  }
}

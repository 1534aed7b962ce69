import CPostgres
import DequeModule
import EventLoops

/// Who has, or wants, a connection to itself; always on the loop's thread.
protocol Tenant: AnyObject {
  /// False once nobody waits for what it wanted to do.
  var wantsConnection: Bool { get }
  /// Whether it has asked the server to refuse whatever writes.
  var isReadOnly: Bool { get }
  func moveIn(_ connection: Connection)
  /// There will be no connection.
  func refuse(_ error: PostgresError)
  /// Everything sent has been answered.
  func connectionDrained(_ connection: Connection)
  /// The connection went; its statements have been told.
  func connectionLost(reason: String)
}

/// Connections of one loop that have one tenant at a time: those for transactions and single writes, or
/// those for reports. Who finds none free waits in line.
final class LeaseLane: ConnectionOwner {
  private struct Waiter {
    let tenant: any Tenant
    var deadline: MonotonicTime
  }

  let configuration: DatabaseConfiguration
  private let opener: ConnectionOpener
  private let loop: EventLoop
  private(set) var connections: [Connection] = []
  private var idle: [Connection] = []
  private var openingCount = 0
  private var waiters = Deque<Waiter>()
  private(set) var isClosed = false
  var changed: () -> Void = {}

  init(_ configuration: DatabaseConfiguration, opener: ConnectionOpener, loop: EventLoop) {
    self.configuration = configuration
    self.opener = opener
    self.loop = loop
  }

  var waitingCount: Int { waiters.count }
  var leasedCount: Int { connections.count - idle.count }
  /// Whether there is nothing that a sweep could end.
  var isIdle: Bool { waiters.isEmpty && leasedCount == 0 }
  var isEmpty: Bool { connections.isEmpty && openingCount == 0 }

  // MARK: Moving in and out

  /// Gives `tenant` a connection now or when its turn comes, or refuses it.
  func lease(_ tenant: any Tenant) {
    guard !isClosed else { return tenant.refuse(.notSent(reason: "the database is closed")) }
    if let connection = idle.popLast() { return admit(tenant, to: connection) }
    guard waiters.count < configuration.leaseWaitersMax else {
      return tenant.refuse(.poolExhausted)
    }
    waiters.append(Waiter(tenant: tenant, deadline: loop.now + configuration.leaseWaitMax))
    openIfNeeded()
    changed()
  }

  /// The tenant is done. The connection goes to the next as soon as it is clean: nothing under way,
  /// no transaction open.
  func release(_ connection: Connection) {
    connection.tenant = nil
    connection.tidyDeadline = loop.now + configuration.stopGrace
    tidy(connection)
  }

  private func admit(_ tenant: any Tenant, to connection: Connection) {
    connection.tenant = tenant
    connection.hasAnsweredAbandoned = false
    changed()
    tenant.moveIn(connection)
  }

  private func tidy(_ connection: Connection) {
    guard !connection.isClosed else { return }
    if connection.onlyReads { return connection.lose(ConnectionOpener.onlyReads) }
    guard connection.isDrained else { return connection.cancelRunning() }
    switch connection.transactionStatus {
    case PQTRANS_IDLE: serve(connection)
    case PQTRANS_INTRANS, PQTRANS_INERROR:
      connection.sendAlone(StatementRun("ROLLBACK", kind: .control))
    default: connection.lose("left in an unknown state")
    }
  }

  private func serve(_ connection: Connection) {
    connection.tidyDeadline = nil
    guard !isClosed, !connection.isReplaced else { return connection.lose("closed") }
    while let waiter = waiters.popFirst() {
      if waiter.tenant.wantsConnection { return admit(waiter.tenant, to: connection) }
      waiter.tenant.refuse(.notSent(reason: "cancelled"))
    }
    idle.append(connection)
    changed()
  }

  // MARK: Connections

  private func openIfNeeded() {
    while openingCount < waiters.count,
      connections.count + openingCount < configuration.transactionConnectionsPerLoop
    {
      if let refusal = opener.refusal {
        if isEmpty { refuseWaiters(refusal) }
        return
      }
      open(insteadOf: nil)
    }
  }

  /// - Parameter old: serves until the other is there, and goes on if there will be none.
  private func open(insteadOf old: Connection?) {
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
      // While there was none they waited for the server; from now on they wait for one another.
      if connections.isEmpty { restartWaits() }
      connections.append(connection)
      serve(connection)
      if let old {
        old.isReplaced = true
        if idle.contains(where: { $0 === old }) { old.lose("replaced") }
      }
    case .failure(let error):
      if isEmpty { refuseWaiters(error) }
    }
    changed()
  }

  private func restartWaits() {
    let deadline = loop.now + configuration.leaseWaitMax
    for position in waiters.indices { waiters[position].deadline = deadline }
  }

  /// Counted before they are told, so that who was refused sees nobody wait.
  private func refuseWaiters(_ error: PostgresError) {
    let refused = waiters
    waiters = []
    changed()
    for waiter in refused { waiter.tenant.refuse(error) }
  }

  func connectionDrained(_ connection: Connection) {
    if let tenant = connection.tenant {
      tenant.connectionDrained(connection)
    } else if connection.tidyDeadline != nil {
      tidy(connection)
    }
  }

  /// Unless its tenant had asked to be read-only, the server only reads, a standby perhaps, and the primary is
  /// elsewhere: new connections look for it, and idle ones go. `connection` goes when its tenant does.
  func connectionRefusedToWrite(_ connection: Connection) {
    guard let tenant = connection.tenant, !tenant.isReadOnly else { return }
    connection.onlyReads = true
    opener.metReadOnlyServer()
    for connection in idle { connection.lose(ConnectionOpener.onlyReads) }
  }

  func connectionLost(_ connection: Connection, reason: String, unanswered: [StatementRun]) {
    connections.removeAll { $0 === connection }
    idle.removeAll { $0 === connection }
    for run in unanswered { run.lose(reason) }
    let tenant = connection.tenant
    connection.tenant = nil
    tenant?.connectionLost(reason: reason)
    openIfNeeded()
    changed()
  }

  // MARK: Time

  /// Refuses those who have waited too long, stops statements whose time is up, and looks for a connection
  /// to replace.
  func sweep(at now: MonotonicTime) {
    sweepWaiters(at: now)
    // One at a time, and so at most one more than there may be.
    if !isClosed, openingCount == 0, opener.refusal == nil,
      connections.count <= configuration.transactionConnectionsPerLoop,
      let old = connections.first(where: { $0.isOld(at: now) })
    {
      open(insteadOf: old)
    }
    for connection in connections where !idle.contains(where: { $0 === connection }) {
      if let deadline = connection.tidyDeadline, deadline <= now {
        connection.lose("the server did not stop a statement in time")
        continue
      }
      guard let running = connection.running, running.deadline <= now else { continue }
      stop(running, on: connection, at: now)
    }
  }

  private func sweepWaiters(at now: MonotonicTime) {
    // The first connection has a time limit of its own.
    let isConnecting = connections.isEmpty && openingCount > 0
    func isOver(_ waiter: Waiter) -> Bool { waiter.deadline <= now && !isConnecting }
    guard waiters.contains(where: { isOver($0) || !$0.tenant.wantsConnection }) else { return }
    let before = waiters
    waiters = []
    var refused: [(tenant: any Tenant, error: PostgresError)] = []
    for waiter in before {
      if !waiter.tenant.wantsConnection {
        refused.append((waiter.tenant, .notSent(reason: "cancelled")))
      } else if isOver(waiter) {
        refused.append((waiter.tenant, .poolExhausted))
      } else {
        waiters.append(waiter)
      }
    }
    changed()
    for (tenant, error) in refused { tenant.refuse(error) }
  }

  private func stop(_ run: StatementRun, on connection: Connection, at now: MonotonicTime) {
    guard !run.isStopping else {
      // It was asked to stop and says nothing: only the connection's end is certain.
      return connection.lose("no answer in time")
    }
    // The server answers a batch when all of it is done: any of it may be what takes so long.
    connection.forEachUnanswered { run in
      guard run.deadline <= now else { return }
      run.isStopping = true
      run.deadline = now + configuration.stopGrace
    }
    connection.cancelRunning()
  }

  func close(atOnce: Bool) {
    isClosed = true
    refuseWaiters(.notSent(reason: "the database is closed"))
    for connection in atOnce ? connections : idle { connection.lose("closed") }
  }
}

/// A write that commits by itself, or a report: it has a connection for as long as it runs.
final class SingleStatement: Tenant {
  private let run: StatementRun
  private let lane: LeaseLane
  /// Sent ahead of it in the same batch, and so for its transaction alone.
  private let settings: SQL?

  init(_ run: StatementRun, lane: LeaseLane, settings: SQL? = nil) {
    self.run = run
    self.lane = lane
    self.settings = settings
  }

  var wantsConnection: Bool { !run.isEnded }
  /// As its settings say.
  var isReadOnly: Bool { settings != nil }

  func moveIn(_ connection: Connection) {
    run.deadline = connection.loop.now + lane.configuration.statementTimeout
    if let settings {
      connection.sendAlone([StatementRun(settings, kind: .control), run])
    } else {
      connection.sendAlone(run)
    }
    // Nothing is under way if it could not be sent, so no answer will end the lease.
    if !connection.isClosed, connection.isDrained { lane.release(connection) }
  }

  func refuse(_ error: PostgresError) {
    run.fail(error)
  }

  func connectionDrained(_ connection: Connection) {
    lane.release(connection)
  }

  func connectionLost(reason: String) {}
}

import EventLoops
import Synchronization

/// All connections of one loop, and the way of a statement to them and back. What is not marked
/// otherwise belongs to the loop's thread.
final class LoopConnections: @unchecked Sendable {
  // @unchecked: touched on the loop's thread alone, but for `statistics`, which has a lock.

  /// How often statements and waiters past their time are looked for, while there are any.
  private static let sweepInterval: Duration = .milliseconds(100)

  enum Place {
    case reads
    case writes
    case reports
    case transaction(Transaction)
    case commit(Transaction)
    case copy(Transaction, CopyStep)
  }

  let loop: EventLoop
  let configuration: DatabaseConfiguration
  let writes: LeaseLane
  private let reports: LeaseLane
  private let reads: ReadLane
  private var isSweeping = false
  private var whenClosed: [() -> Void] = []
  private let counts = Mutex(PoolStatistics())
  let timings = StatementTimings()

  init(_ configuration: DatabaseConfiguration, loop: EventLoop) {
    self.configuration = configuration
    self.loop = loop
    // An opener each: reads do not wait because a server that only reads has refused a write.
    func opener(_ configuration: DatabaseConfiguration) -> ConnectionOpener {
      ConnectionOpener(configuration, loop: loop)
    }
    reads = ReadLane(configuration, opener: opener(configuration), loop: loop)
    writes = LeaseLane(configuration, opener: opener(configuration), loop: loop)
    let reporting = configuration.forReports
    reports = LeaseLane(reporting, opener: opener(reporting), loop: loop)
    // A cycle, so that this outlives its connections; broken when it is closed and has none.
    reads.changed = { self.changed() }
    writes.changed = { self.changed() }
    reports.changed = { self.changed() }
  }

  // MARK: From any thread

  /// As of the last change.
  var statistics: PoolStatistics { counts.withLock { $0 } }

  /// Runs `run` and returns when it has ended; its result is in it.
  ///
  /// - Throws: the error it ended with; `CancellationError` as soon as the task is cancelled.
  @inline(__always)
  nonisolated(nonsending) func perform(_ run: StatementRun, at place: Place) async throws {
    try Task.checkCancellation()
    await withTaskCancellationHandler {
      await wait(for: run, at: place)
    } onCancel: {
      loop.execute { self.cancel(run) }
    }
    if let error = run.error { throw error }
  }

  /// The same, deaf to cancellation: for what must be done all the same.
  nonisolated(nonsending) func performToTheEnd(_ run: StatementRun, at place: Place) async throws {
    await wait(for: run, at: place)
    if let error = run.error { throw error }
  }

  @inline(__always)
  private nonisolated(nonsending) func wait(for run: StatementRun, at place: Place) async {
    await withUnsafeContinuation { continuation in
      if loop.isCurrent {
        if run.begin(continuation) { submit(run, at: place) }
      } else {
        loop.execute {
          if run.begin(continuation) { self.submit(run, at: place) }
        }
      }
    }
  }

  /// Refuses new work and closes each connection when it has nothing under way, or after a
  /// statement's longest time.
  func close() async {
    await withCheckedContinuation { continuation in
      loop.execute { self.beginClosing { continuation.resume() } }
    }
  }

  /// Closes everything at once, when nobody is left to wait.
  func closeAtOnce() {
    loop.execute { [self] in
      closeLanes(atOnce: true)
      changed()
    }
  }

  // MARK: On the loop

  private func submit(_ run: StatementRun, at place: Place) {
    timings.begin(run, on: loop)
    switch place {
    case .reads: reads.submit(run)
    case .writes: writes.lease(SingleStatement(run, lane: writes))
    case .reports:
      reports.lease(
        SingleStatement(run, lane: reports, settings: configuration.reportSettings))
    case .transaction(let transaction): transaction.submit(run)
    case .commit(let transaction): transaction.submitCommit(run)
    case .copy(let transaction, let step): transaction.submit(step, run)
    }
    sweepLater()
  }

  private func cancel(_ run: StatementRun) {
    // What became of a COMMIT that was sent must be known.
    if run.kind == .commit, run.connection != nil { return }
    // Its end forgets the connection.
    let connection = run.connection
    run.fail(CancellationError())
    // A pipelined read has neighbours; the sweep stops it if it turns out to be slow.
    guard run.kind != .read, let connection, connection.running === run else { return }
    connection.cancelRunning()
  }

  private func sweepLater() {
    guard !isSweeping else { return }
    isSweeping = true
    loop.schedule(after: Self.sweepInterval) { self.sweep() }
  }

  private func sweep() {
    isSweeping = false
    reads.sweep(at: loop.now)
    writes.sweep(at: loop.now)
    reports.sweep(at: loop.now)
    if !reads.isIdle || !writes.isIdle || !reports.isIdle { sweepLater() }
  }

  private func changed() {
    counts.withLock {
      $0.readConnections = reads.connections.count
      $0.transactionConnections = writes.connections.count
      $0.reportConnections = reports.connections.count
      $0.leased = writes.leasedCount
      $0.waiting = writes.waitingCount
    }
    guard reads.isClosed, writes.isClosed, reports.isClosed, reads.isEmpty, writes.isEmpty,
      reports.isEmpty
    else { return }
    reads.changed = {}
    writes.changed = {}
    reports.changed = {}
    let actions = whenClosed
    whenClosed = []
    for action in actions { action() }
  }

  private func beginClosing(_ done: @escaping () -> Void) {
    whenClosed.append(done)
    closeLanes(atOnce: false)
    loop.schedule(after: configuration.statementTimeout + configuration.stopGrace) { [self] in
      closeLanes(atOnce: true)
    }
    changed()
  }

  private func closeLanes(atOnce: Bool) {
    reads.close(atOnce: atOnce)
    writes.close(atOnce: atOnce)
    reports.close(atOnce: atOnce)
  }
}

import CPostgres
import DequeModule
import EventLoops
import Glibc

/// What a connection tells the lane that uses it; always on the loop's thread.
protocol ConnectionOwner: AnyObject {
  /// Some of what was sent has been answered; it may be nothing of a caller's.
  func connectionAnswered(_ connection: Connection)
  /// Everything sent has been answered, and no cancellation is on its way.
  func connectionDrained(_ connection: Connection)
  /// A statement has been refused because it writes (25006); its caller is told next. Only for who has sent
  /// statements that may.
  func connectionRefusedToWrite(_ connection: Connection)
  /// The connection is gone; `unanswered` was sent on it and has not ended.
  func connectionLost(_ connection: Connection, reason: String, unanswered: [StatementRun])
  /// A NOTIFY came; only for who has sent LISTEN.
  func connectionNotified(channel: String)
}

extension ConnectionOwner {
  func connectionAnswered(_ connection: Connection) {}
  func connectionRefusedToWrite(_ connection: Connection) {}
  func connectionNotified(channel: String) {}
}

/// One libpq connection in pipeline mode. Belongs to its loop's thread.
///
/// Statements go out without waiting for answers; answers come in the order of the statements. A
/// Sync ends a batch, which is one implicit transaction: when one of its statements fails, the
/// server skips the later ones (PostgreSQL's documentation, sections "Pipeline Mode" and
/// "Extended Query").
final class Connection: DescriptorHandler, @unchecked Sendable {
  // @unchecked: touched on the loop's thread alone.

  enum Entry {
    case statement(StatementRun)
    case prepare(PreparedStatement, of: SQL)
    case sync
    /// Outside pipeline mode; see `Connection+Copy`.
    case copy(CopyStep, StatementRun)

    /// What somebody may wait for.
    var run: StatementRun? {
      switch self {
      case .statement(let run), .copy(_, let run): run
      case .prepare, .sync: nil
      }
    }
  }

  /// A statement that was skipped because of its neighbours, or whose plan was lost, is sent again:
  /// alone and unprepared, so that neither happens to it twice.
  private static let failedAttemptsMax = 3
  static let closed = PostgresError.notSent(reason: "the connection is closed")

  let loop: EventLoop
  /// Lives until its last connection is closed.
  unowned var owner: (any ConnectionOwner)?
  /// Callers' statements that have not been answered.
  var inFlight = 0
  /// A request to cancel is on its way, and may hit whatever statement runs when it arrives.
  private(set) var isCancelling = false
  private(set) var isClosed = false
  /// Who has this connection to itself; kept by `LeaseLane`.
  var tenant: (any Tenant)?
  /// Until when this connection may take to become clean after its tenant left; kept by `LeaseLane`.
  var tidyDeadline: MonotonicTime?
  /// When another is to take its place; set by who opened it.
  var replaceAt = MonotonicTime(nanoseconds: .max)
  /// Another has taken its place: it gets no new work, and is closed when it has none. Kept by the lanes.
  var isReplaced = false
  /// A statement that nobody waited for any more was answered since its tenant moved in.
  var hasAnsweredAbandoned = false
  /// The server only reads; kept by `LeaseLane`.
  var onlyReads = false
  /// How far a COPY has come; nil without one.
  var copyPhase: CopyPhase?
  let handle: OpaquePointer
  private var watch: DescriptorWatch?
  /// The socket once more. libpq closes its own before it says that the connection broke; while another
  /// process has a copy (a child before its exec), epoll would go on about a watch that is gone.
  private let socketCopy: Int32
  // These two are touched for each statement; see DescriptorWatch.
  @exclusivity(unchecked) var queue = Deque<Entry>()
  @exclusivity(unchecked) private var prepared: PreparedStatements
  /// Statements sent since the last Sync.
  private var unsynced = 0
  /// What has come for the first of `queue`.
  var answer: OpaquePointer?
  /// The good answer to the write that is the first of `queue`. It is told when its batch has ended: the
  /// Sync commits, and the server may still refuse that.
  private var uncommitted: OpaquePointer?
  /// The first error since the last Sync: the reason why later statements were skipped.
  private var batchError: PostgresError?

  /// - Parameter handle: connected; this owns it from now on.
  init(handle: OpaquePointer, loop: EventLoop, preparedStatementsMax: Int) {
    self.handle = handle
    self.loop = loop
    prepared = PreparedStatements(countMax: preparedStatementsMax)
    PQsetnonblocking(handle, 1)
    PQenterPipelineMode(handle)
    // The default prints to standard error.
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    socketCopy = fcntl(PQsocket(handle), F_DUPFD_CLOEXEC, 0)
    precondition(socketCopy >= 0, "no descriptor left for a database connection: errno \(errno)")
    watch = loop.watch(socketCopy, for: .readable, handler: self)
  }

  /// Nothing is under way, not even a cancellation.
  var isDrained: Bool { queue.isEmpty && !isCancelling && copyPhase == nil }

  /// Whether it is so old that another should take its place.
  func isOld(at now: MonotonicTime) -> Bool { replaceAt <= now && !isReplaced }

  /// As the last answer left it.
  var transactionStatus: PGTransactionStatusType { PQtransactionStatus(handle) }

  // MARK: Sending

  /// Adds `run` to the batch that `endBatch` ends.
  func add(_ run: StatementRun) {
    _ = enqueue(run)
  }

  /// Sends what was added, under one Sync.
  func endBatch() {
    if unsynced > 0, !isClosed { sync() }
  }

  /// Sends `run` as a batch of its own.
  func sendAlone(_ run: StatementRun) {
    sendAlone([run])
  }

  /// Sends `runs` as a batch of their own, each of which needs those before it.
  func sendAlone(_ runs: [StatementRun]) {
    endBatch()
    if let failed = runs.firstIndex(where: { !enqueue($0) }) {
      // What follows must not be run without it.
      for run in runs[(failed + 1)...] { run.fail(runs[failed].error ?? Self.closed) }
    }
    endBatch()
  }

  private func enqueue(_ run: StatementRun) -> Bool {
    guard !isClosed else {
      run.fail(Self.closed)
      return false
    }
    guard copyPhase == nil else {
      run.fail(PostgresError.invalid("a COPY is under way in this transaction"))
      return false
    }
    guard dispatch(run) else {
      let message = String(cString: PQerrorMessage(handle))
      if PQstatus(handle) == CONNECTION_BAD {
        run.fail(PostgresError.notSent(reason: message))
        lose(message)
      } else {
        run.fail(PostgresError.invalid("\(message) in: \(run.statement.shownText)"))
      }
      return false
    }
    run.connection = self
    queue.append(.statement(run))
    if run.kind != .control { inFlight += 1 }
    unsynced += 1
    return true
  }

  /// Hands `run` to libpq, which keeps it until it can be written.
  private func dispatch(_ run: StatementRun) -> Bool {
    switch run.failedAttempts > 0 ? .full : prepared.find(run.statement) {
    case .prepared(let found):
      run.prepared = found
      return sendPrepared(found, run.statement)
    case .new(let new):
      run.prepared = new
      guard sendPrepare(new, run.statement) else {
        prepared.forget(new, of: run.statement)
        return false
      }
      queue.append(.prepare(new, of: run.statement))
      unsynced += 1
      return sendPrepared(new, run.statement)
    case .full:
      run.prepared = nil
      return sendUnprepared(run.statement)
    }
  }

  private func sendPrepared(_ prepared: PreparedStatement, _ statement: SQL) -> Bool {
    let (handle, name, count) = (handle, prepared.name, Int32(statement.parameters.count))
    return statement.withLibpqArrays { _, values, lengths, formats in
      PQsendQueryPrepared(handle, name, count, values, lengths, formats, Self.binary) == 1
    }
  }

  private func sendPrepare(_ new: PreparedStatement, _ statement: SQL) -> Bool {
    let (handle, name, count) = (handle, new.name, Int32(statement.parameters.count))
    return statement.withLibpqArrays { types, _, _, _ in
      statement.withCText { PQsendPrepare(handle, name, $0, count, types) == 1 }
    }
  }

  private func sendUnprepared(_ statement: SQL) -> Bool {
    let (handle, count) = (handle, Int32(statement.parameters.count))
    return statement.withLibpqArrays { types, values, lengths, formats in
      statement.withCText {
        PQsendQueryParams(handle, $0, count, types, values, lengths, formats, Self.binary) == 1
      }
    }
  }

  /// The format of results, as libpq has it.
  private static let binary: Int32 = 1

  private func sync() {
    unsynced = 0
    guard PQpipelineSync(handle) == 1 else { return lose(String(cString: PQerrorMessage(handle))) }
    queue.append(.sync)
    flush()
  }

  func flush() {
    switch PQflush(handle) {
    case 0:
      watch?.want(.readable)
      if copyPhase == .open { finishCopyData() }
    case 1: watch?.want([.readable, .writable])
    default: lose(String(cString: PQerrorMessage(handle)))
    }
  }

  // MARK: Receiving

  func descriptorReady(_ readiness: Readiness) {
    if readiness.contains(.writable) { flush() }
    guard !isClosed, readiness != .writable else { return }
    switch copyPhase {
    case nil, .waiting: receive()
    case .asked, .open, .ending: receiveOfCopy()
    }
  }

  private func receive() {
    guard PQconsumeInput(handle) == 1 else { return lose(String(cString: PQerrorMessage(handle))) }
    var hasEndedBatch = false
    answers: while !isClosed, !queue.isEmpty, PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else {
        guard let answer else { break }  // Nothing came: the connection is gone.
        self.answer = nil
        finishFirst(with: answer)
        continue
      }
      if PQresultStatus(result) == PGRES_PIPELINE_SYNC {
        PQclear(result)
        finishCommitted()
        queue.removeFirst()
        batchError = nil
        hasEndedBatch = true
        if case .copy? = queue.first { break answers }
      } else {
        if let answer { PQclear(answer) }
        answer = result
      }
    }
    guard !isClosed else { return }
    takeNotifications()
    if PQstatus(handle) == CONNECTION_BAD { return lose(String(cString: PQerrorMessage(handle))) }
    flush()
    owner?.connectionAnswered(self)
    guard hasEndedBatch, !isClosed else { return }
    if copyPhase == .waiting { takeCopyStep() }
    tellIfDrained()
  }

  func tellIfDrained() {
    guard !isClosed, isDrained else { return }
    wasCancelling = false
    owner?.connectionDrained(self)
  }

  /// Also parses what else came unasked: a notice, or the server's farewell.
  private func takeNotifications() {
    while let notification = PQnotifies(handle) {
      owner?.connectionNotified(channel: String(cString: notification.pointee.relname))
      PQfreemem(notification)
    }
  }

  private func finishFirst(with answer: OpaquePointer) {
    let entry = queue.removeFirst()
    let status = PQresultStatus(answer)
    switch entry {
    case .sync:
      PQclear(answer)
      lose("an answer came that no statement had asked for")
    case .prepare(let new, let statement):
      if status == PGRES_FATAL_ERROR {
        new.refusal = PostgresError(answer: answer, statement: statement)
        batchError = batchError ?? new.refusal
      }
      if status != PGRES_COMMAND_OK { prepared.forget(new, of: statement) }
      PQclear(answer)
    case .copy:
      preconditionFailure("a COPY's answers are taken outside pipeline mode")
    case .statement(let run):
      if let refused = uncommitted {
        uncommitted = nil
        PQclear(refused)
      } else if run.kind == .write, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK {
        queue.prepend(entry)
        uncommitted = answer
        return
      }
      finish(run, with: answer)
    }
  }

  /// The batch has ended, and so a write that was its last statement is committed.
  private func finishCommitted() {
    guard let answer = uncommitted, case .statement(let run)? = queue.popFirst() else { return }
    uncommitted = nil
    finish(run, with: answer)
  }

  private func finish(_ run: StatementRun, with answer: OpaquePointer) {
    if run.kind != .control {
      inFlight -= 1
      if run.isEnded { hasAnsweredAbandoned = true }
    }
    switch PQresultStatus(answer) {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return run.succeed(answer)
    case PGRES_PIPELINE_ABORTED: skipped(run)
    case PGRES_FATAL_ERROR: refused(run, by: answer)
    default: run.fail(PostgresError.invalid("not a statement for here: COPY"))
    }
    PQclear(answer)
  }

  /// The server did not run `run`, because an earlier statement of its batch had failed.
  private func skipped(_ run: StatementRun) {
    if let refusal = run.prepared?.refusal { return run.fail(refusal) }
    let error = batchError ?? .connectionLost(reason: "the batch was aborted")
    guard run.kind == .read else { return run.fail(error) }
    sendAgain(run, insteadOf: error)
  }

  private func refused(_ run: StatementRun, by answer: OpaquePointer) {
    let error = refusal(of: run, by: answer)
    batchError = batchError ?? error
    if endsConnection(answer), case .refused(_, _, let message, _) = error {
      // What follows is the end of the connection; whether a commit got through is not said.
      if run.kind == .read { queue.prepend(.statement(run)) } else { run.lose(message) }
      return lose(message)
    }
    switch error.sqlState {
    case "26000", "0A000":
      // The server no longer has the plan, or a changed table made it useless; nothing was run.
      guard let lost = run.prepared else { break }
      if let refusal = lost.refusal { return run.fail(refusal) }
      prepared.forget(lost, of: run.statement)
      if run.kind == .read || run.kind == .write { return sendAgain(run, insteadOf: error) }
    case "57014" where run.kind == .read && !run.isEnded && wasCancelling:
      // The request was meant for the statement before.
      return sendAgain(run, insteadOf: error)
    case "25006": owner?.connectionRefusedToWrite(self)
    default: break
    }
    run.fail(error)
  }

  private func sendAgain(_ run: StatementRun, insteadOf error: PostgresError) {
    run.failedAttempts += 1
    guard !run.isEnded, run.failedAttempts < Self.failedAttemptsMax else { return run.fail(error) }
    sendAlone(run)
  }

  /// What the server said in refusing `run`; that its time was up, if it was asked to stop it for that.
  func refusal(of run: StatementRun, by answer: OpaquePointer) -> PostgresError {
    let error = PostgresError(answer: answer, statement: run.statement)
    guard run.isStopping, error.sqlState == "57014" else { return error }
    return .timedOut(statement: run.statement.shownText)
  }

  /// Whether the server closes the connection with this error, or libpq itself made it up because the
  /// connection broke.
  func endsConnection(_ answer: OpaquePointer) -> Bool {
    guard let severity = PQresultErrorField(answer, PostgresError.Field.severity) else {
      return true
    }
    let text = String(cString: severity)
    return text == "FATAL" || text == "PANIC"
  }

  // MARK: Cancelling

  /// A request to cancel was under way at some time since the queue was last empty.
  private var wasCancelling = false

  /// Asks the server to stop what it runs for this connection now.
  func cancelRunning() {
    guard !isCancelling, !isClosed, inFlight > 0, let request = PQgetCancel(handle) else { return }
    isCancelling = true
    wasCancelling = true
    let cancellation = Cancellation(request)
    Task(executorPreference: loop) { [self] in
      // Whether it was delivered shows in the statement's answer; the sweep closes a connection that
      // does not give one.
      try? await Cancellation.threads.run { cancellation.send() }
      isCancelling = false
      tellIfDrained()
    }
  }

  /// The caller's statement that the server is at. What this module sends ahead of it (BEGIN) is soon done, but
  /// answered only with it.
  var running: StatementRun? {
    for entry in queue {
      if let run = entry.run, run.kind != .control { return run }
    }
    return nil
  }

  /// Every statement that has not been answered, in order.
  func forEachUnanswered(_ body: (StatementRun) -> Void) {
    for entry in queue {
      if let run = entry.run { body(run) }
    }
  }

  // MARK: The end

  /// Closes the connection; what is under way is lost.
  func lose(_ reason: String) {
    guard !isClosed else { return }
    isClosed = true
    watch?.cancel()
    watch = nil
    close(socketCopy)
    for result in [answer, uncommitted] { PQclear(result) }
    answer = nil
    uncommitted = nil
    PQfinish(handle)
    copyPhase = nil
    var unanswered: [StatementRun] = []
    for entry in queue {
      if let run = entry.run, !run.isEnded { unanswered.append(run) }
    }
    queue.removeAll()
    inFlight = 0
    let line = reason.split(separator: "\n").first.map(String.init) ?? "closed"
    let owner = owner
    self.owner = nil
    owner?.connectionLost(self, reason: line, unanswered: unanswered)
  }
}

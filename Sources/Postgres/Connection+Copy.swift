import CPostgres

/// What is done with a COPY .. FROM STDIN.
enum CopyStep: Sendable {
  /// Ends when the server takes rows.
  case begin
  /// Some bytes of the rows; ends when the socket has taken them.
  case data([UInt8])
  /// Ends when all rows are in the table.
  case end
  /// Ends it as an error, so that no row is.
  case giveUp

  var givesUp: Bool {
    if case .giveUp = self { true } else { false }
  }
}

/// How far a COPY has come.
enum CopyPhase {
  /// For what is before it on the connection.
  case waiting
  /// The server was asked, and perhaps waits for a lock.
  case asked
  /// The server takes rows.
  case open
  case ending
}

/// COPY, which libpq has outside pipeline mode alone: the connection leaves it when all that was sent
/// before is answered, refuses statements meanwhile, and enters it again at the COPY's end. (libpq's
/// documentation, section Functions Associated with the COPY Command.)
///
/// The steps are in the connection's queue, at most two of them: one, and `giveUp` behind it.
extension Connection {
  /// Takes a step; the run ends with it.
  func copy(_ step: CopyStep, _ run: StatementRun) {
    guard !isClosed else { return run.fail(Self.closed) }
    switch (step, copyPhase) {
    case (.begin, nil): copyPhase = .waiting
    case (.giveUp, nil): return run.succeedWithoutResult()
    case (.begin, _?): return run.fail(PostgresError.invalid("another COPY is under way"))
    case (.data, nil), (.end, nil):
      return run.fail(PostgresError.notSent(reason: "the COPY is over"))
    case (.data, _?), (.end, _?), (.giveUp, _?): break
    }
    run.connection = self
    inFlight += 1
    queue.append(.copy(step, run))
    if queue.count == 1 { takeCopyStep() }
  }

  /// Does the step that is first in the queue. One whose caller has gone is left out.
  func takeCopyStep() {
    guard !isClosed, case .copy(let step, let run)? = queue.first else { return }
    switch (step, copyPhase) {
    case (.begin, .waiting) where !run.isEnded:
      copyPhase = .asked
      let isAsked =
        PQexitPipelineMode(handle) == 1 && run.statement.withCText { PQsendQuery(handle, $0) } == 1
      flushCopy(if: isAsked)
    case (.begin, .waiting):
      copyPhase = nil
      finishCopyStep()
      tellIfDrained()
    case (.data(let bytes), .open) where !run.isEnded:
      let isTaken = bytes.withUnsafeBytes { bytes in
        PQputCopyData(
          handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count)) == 1
      }
      flushCopy(if: isTaken)
    case (.end, .open) where !run.isEnded:
      copyPhase = .ending
      flushCopy(if: PQputCopyEnd(handle, nil) == 1)
    case (.giveUp, .open):
      copyPhase = .ending
      flushCopy(if: PQputCopyEnd(handle, "given up") == 1)
    default: finishCopyStep()
    }
  }

  private func flushCopy(if isAccepted: Bool) {
    guard isAccepted else { return lose(String(cString: PQerrorMessage(handle))) }
    flush()
    // What the server said about the rows may have come long before their end.
    if copyPhase == .ending { takeCopyAnswers() }
  }

  /// All that was handed to libpq is written: there is room for more.
  func finishCopyData() {
    if case .copy(.data, _)? = queue.first { finishCopyStep() }
  }

  private func finishCopyStep() {
    guard let run = popCopyRun() else { return }
    if run.isStopping {
      run.fail(PostgresError.timedOut(statement: run.statement.shownText))
    } else {
      run.succeedWithoutResult()
    }
    takeCopyStep()
  }

  private func popCopyRun() -> StatementRun? {
    guard let run = queue.popFirst()?.run else { return nil }
    inFlight -= 1
    if run.isEnded { hasAnsweredAbandoned = true }
    return run
  }

  /// Takes in what came, outside pipeline mode.
  func receiveOfCopy() {
    guard PQconsumeInput(handle) == 1 else { return lose(String(cString: PQerrorMessage(handle))) }
    if copyPhase == .open {
      // Notices, lest the server wait for their reader. An error stays with libpq until the end, when
      // it is told; the server passes over the rows that still come.
      if let unasked = PQnotifies(handle) { PQfreemem(unasked) }
      return
    }
    takeCopyAnswers()
  }

  private func takeCopyAnswers() {
    while PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else { return endCopy() }
      if PQresultStatus(result) == PGRES_COPY_IN {
        PQclear(result)
        copyPhase = .open
        return finishCopyStep()
      }
      PQclear(answer)
      answer = result
    }
  }

  private func endCopy() {
    guard let answer, PQstatus(handle) != CONNECTION_BAD, PQenterPipelineMode(handle) == 1 else {
      return lose(String(cString: PQerrorMessage(handle)))
    }
    let isDone = PQresultStatus(answer) == PGRES_COMMAND_OK
    if !isDone, endsConnection(answer) {
      return lose(String(cString: PQresultErrorMessage(answer)))
    }
    self.answer = nil
    copyPhase = nil
    var unclaimed: OpaquePointer? = answer
    while case .copy(let step, _)? = queue.first, let run = popCopyRun() {
      switch step {
      case .giveUp: run.succeedWithoutResult()
      case .end where isDone:
        run.succeed(answer)
        unclaimed = nil
      case .begin, .data, .end: run.fail(refusal(of: run, by: answer))
      }
    }
    PQclear(unclaimed)
    tellIfDrained()
  }
}

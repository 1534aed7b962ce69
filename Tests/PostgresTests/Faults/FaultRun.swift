import EventLoops
import Postgres
import Synchronization
import Testing

/// Callers at work on a database while one fault happens to it.
struct FaultRun {
  /// What the run showed.
  struct Outcome {
    /// Calls under way when the first of them failed, by their ending; when the fault began, if none
    /// did.
    var inFlight: [Ending: Int] = [:]
    /// Calls begun after that, until the service had recovered.
    var later: [Ending: Int] = [:]
    /// From the beginning of the fault until it was over, and a new read and a new write had succeeded on
    /// each loop.
    var recovery: Duration = .zero
  }

  private static let callersOfEachKind = 16
  /// What a statement takes on the server: longer than the way there, so that most of what is in flight
  /// is there.
  private static let statementPause: Duration = .milliseconds(5)
  private static let failurePause: Duration = .milliseconds(20)
  /// What no caller may take, whatever happens to it; nor recovery.
  private static let patience: Duration = .seconds(30)

  let database: Database
  let ledger = Ledger()

  /// - Parameters:
  ///   - truth: the connection string of the server that has what was committed in the end.
  ///   - inject: does the fault, and returns when it is over.
  func run(
    truth: String, _ comment: Comment, inject: () async throws -> Void
  ) async throws -> Outcome {
    let crowd = Crowd()
    let callers = begin(crowd)
    try #require(await crowd.hasAnswered(callers, within: Self.patience), comment)
    let begun = ContinuousClock.now
    let injection: (any Error)?
    do {
      try await inject()
      injection = nil
    } catch {
      injection = error
    }
    let hasRecovered = injection == nil ? await recovers() : false
    let recovered = ContinuousClock.now
    crowd.stop()
    #expect(
      await crowd.ended(callers, within: Self.patience) == callers, "a caller hangs; \(comment)")
    if let injection { throw injection }
    #expect(hasRecovered, comment)
    #expect(await isAtRest(), comment)
    try await withDatabase(url: truth) { try await ledger.check(against: $0, comment) }
    return outcome(begun: begun, recovered: recovered)
  }

  // MARK: Callers

  private func begin(_ crowd: Crowd) -> Int {
    var callers = 0
    for kind in Ledger.Kind.allCases {
      for _ in 0..<Self.callersOfEachKind {
        // As the services do, and as their workers beside the loops.
        let executor: EventLoop? = callers % 3 == 0 ? nil : loops.loops[callers % 2]
        Task(executorPreference: executor) { [ledger, database] in
          while !crowd.isStopped {
            let ending = await ledger.call(kind, in: database, pause: Self.statementPause)
            guard ending != .answered else {
              crowd.noteAnswer()
              continue
            }
            try? await Task.sleep(for: Self.failurePause)  // it is never cancelled
          }
          crowd.noteEnd()
        }
        callers += 1
      }
    }
    return callers
  }

  // MARK: Afterwards

  private func recovers() async -> Bool {
    let deadline = ContinuousClock.now + Self.patience
    for loop in loops.loops {
      for kind in [Ledger.Kind.read, .write] {
        while await withTaskExecutorPreference(
          loop, operation: { await ledger.call(kind, in: database) }) != .answered
        {
          guard ContinuousClock.now < deadline else { return false }
          try? await Task.sleep(for: Self.failurePause)
        }
      }
    }
    return true
  }

  /// Whether no connection stays leased, and nobody waits for one.
  private func isAtRest() async -> Bool {
    await comesTrue(within: Self.patience) {
      database.statistics.leased == 0 && database.statistics.waiting == 0
    }
  }

  private func outcome(
    begun: ContinuousClock.Instant, recovered: ContinuousClock.Instant
  ) -> Outcome {
    var outcome = Outcome(recovery: recovered - begun)
    let calls = ledger.calls.filter { $0.ended >= begun && $0.begun < recovered }
    let strike = calls.filter { $0.ending != .answered }.map(\.ended).min() ?? begun
    for call in calls where call.ended >= strike {
      if call.begun < strike {
        outcome.inFlight[call.ending, default: 0] += 1
      } else {
        outcome.later[call.ending, default: 0] += 1
      }
    }
    return outcome
  }
}

/// The callers of a run, as a whole.
private final class Crowd: Sendable {
  private let answered = Atomic<Int>(0)
  private let endedCount = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)

  var isStopped: Bool { stopped.load(ordering: .relaxed) }
  func stop() { stopped.store(true, ordering: .relaxed) }
  func noteAnswer() { answered.add(1, ordering: .relaxed) }
  func noteEnd() { endedCount.add(1, ordering: .relaxed) }

  /// Whether there have been some answers for each of the callers.
  func hasAnswered(_ callers: Int, within limit: Duration) async -> Bool {
    await comesTrue(within: limit) { answered.load(ordering: .relaxed) >= callers * 3 }
  }

  /// How many have ended, or have after `limit`.
  func ended(_ callers: Int, within limit: Duration) async -> Int {
    _ = await comesTrue(within: limit) { endedCount.load(ordering: .relaxed) >= callers }
    return endedCount.load(ordering: .relaxed)
  }
}

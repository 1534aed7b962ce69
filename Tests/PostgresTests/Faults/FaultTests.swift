import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct FaultTests {
  // One case for all of them: each case would wait anew for its turn among all tests of the process, and the
  // last of these would be held when nothing else is left to do.
  @Test(
    "callers are told what became of their calls, and the service recovers",
    .timeLimit(.minutes(20)))
  func faults() async {
    await runAll(Fault.allCases.filter { !$0.needsPgBouncer })
  }

  @Test(
    "behind PgBouncer in transaction mode it is the same",
    .enabled(if: PrivatePgBouncer.isInstalled, "pgbouncer is needed: apt-get install pgbouncer"),
    .timeLimit(.minutes(5)))
  func faultsOfPgBouncer() async {
    await runAll(Fault.allCases.filter(\.needsPgBouncer))
  }

  private func runAll(_ faults: [Fault]) async {
    for fault in faults {
      do {
        var outcomes: [FaultRun.Outcome] = []
        for _ in 0..<FaultTable.repetitions { outcomes.append(try await run(fault)) }
        try FaultTable.add(outcomes, of: fault)
      } catch {
        Issue.record(error, "\(fault.testDescription)")
      }
    }
  }

  private func run(_ fault: Fault) async throws -> FaultRun.Outcome {
    let scene = try await FaultScene.make(for: fault)
    defer { scene.end() }
    try await withDatabase(
      url: scene.url, configure: { $0.preparedStatements = scene.preparedStatements }
    ) { database in
      try await Ledger.makeTable(in: database)
    }
    let configure: (inout DatabaseConfiguration) -> Void = { configuration in
      configuration.preparedStatements = scene.preparedStatements
      guard !fault.isHarmless else { return }  // a busy machine is no failure
      configuration.connectTimeout = .seconds(2)
      configuration.statementTimeout = .seconds(2)
      configuration.stopGrace = .milliseconds(500)
      configuration.leaseWaitMax = .seconds(2)
    }
    let outcome = try await withDatabase(url: scene.url, configure: configure) { database in
      try await FaultRun(database: database)
        .run(truth: scene.truth, "\(fault.testDescription)", inject: scene.inject)
    }
    let failures = outcome.inFlight.filter { $0.key != .answered }.values.reduce(0, +)
    #expect(fault.isHarmless == (failures == 0), "\(outcome.inFlight)")
    return outcome
  }
}

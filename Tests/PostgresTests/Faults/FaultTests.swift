import Foundation
import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct FaultTests {
  @Test(
    "callers are told what became of their calls, and the service recovers",
    .timeLimit(.minutes(5)), arguments: Fault.allCases)
  func fault(_ fault: Fault) async throws {
    var outcomes: [FaultRun.Outcome] = []
    for _ in 0..<FaultTable.repetitions { outcomes.append(try await run(fault)) }
    try FaultTable.add(outcomes, of: fault)
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
      configuration.connectTimeout = .seconds(2)
      configuration.statementTimeout = .seconds(2)
      configuration.stopGrace = .milliseconds(500)
      configuration.leaseWaitMax = .seconds(2)
      configuration.preparedStatements = scene.preparedStatements
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

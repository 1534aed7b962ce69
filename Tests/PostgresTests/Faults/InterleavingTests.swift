import EventLoops
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct InterleavingTests {
  private static let seeds: [UInt64] = Array(1...8)
  private static let casesOfEachSeed = 1_260
  /// A case takes milliseconds, and its longest wait seconds.
  private static let patience: Duration = .seconds(60)

  @Test(
    "whatever is interleaved, cancelled or cut, each caller gets its own answer and the truth",
    .timeLimit(.minutes(20)), arguments: seeds)
  func interleavings(seed: UInt64) async throws {
    let server = try await PrivatePostgres.shared()
    let truth = try await server.makeDatabase(named: "interleaving")
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.close() }
    let url = truth.replacing(":\(server.port)/", with: ":\(proxy.port)/")
    let ledger = Ledger()
    try await withDatabase(
      url: url,
      configure: {
        $0.transactionConnectionsPerLoop = 2
        $0.reconnectDelay = .milliseconds(1) ... .milliseconds(10)
      }
    ) { database in
      try await Ledger.makeTable(in: database)
      let casesDone = Mutex(0)
      Task {
        var random = SplitMix64(seed: seed)
        for _ in 0..<Self.casesOfEachSeed {
          await Interleaving(using: &random).run(in: database, ledger, through: proxy)
          casesDone.withLock { $0 += 1 }
        }
      }
      var seen = 0
      while seen < Self.casesOfEachSeed {
        let goesOn = await comesTrue(within: Self.patience) { casesDone.withLock { $0 } > seen }
        try #require(goesOn, "a caller hangs in case \(seen)")
        seen = casesDone.withLock { $0 }
      }
      let isAtRest = await comesTrue(within: .seconds(30)) {
        database.statistics.leased == 0 && database.statistics.waiting == 0
      }
      #expect(isAtRest)
    }
    try await withDatabase(url: truth, configure: { $0.applicationName = "check" }) { database in
      try await ledger.check(against: database, "seed \(seed)")
      // What the driver has closed the server has seen closed.
      try await until(
        """
        SELECT NOT EXISTS (SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name <> 'check')
        """, in: database)
    }
    // A test of nothing but good days would prove nothing.
    let endings = ledger.calls.reduce(into: [:]) { $0[$1.ending, default: 0] += 1 }
    for ending in [Ending.answered, .refused, .connectionLost, .unknownOutcome, .cancelled] {
      #expect(endings[ending, default: 0] > 0, "\(ending) in none of \(endings)")
    }
    print("seed \(seed): \(endings.map { "\($0.key) \($0.value)" }.sorted())")
  }
}

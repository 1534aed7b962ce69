import EventLoops
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct CancellationTests {
  @Test("requests to stop that a silent network swallows keep no thread from other work")
  func silentNetwork() async throws {
    let server = try await PrivatePostgres.shared()
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.close() }
    let url = try await server.makeDatabase(named: "silent")
      .replacing(":\(server.port)/", with: ":\(proxy.port)/")
    try await withDatabase(
      url: url,
      configure: {
        // Longer than the network takes to fall silent, on a busy machine too.
        $0.statementTimeout = .seconds(3)
        $0.stopGrace = .milliseconds(200)
      }
    ) { database in
      for loop in loops.loops {
        await withTaskExecutorPreference(loop) {
          await warmUp("WITH n AS (SELECT 1) TABLE n", in: database)
        }
      }
      let writes = loops.loops.flatMap { loop in
        (0..<4).map { _ in
          Task(executorPreference: loop) {
            await postgresError {
              try await database.execute("WITH s AS (SELECT pg_sleep(60)) TABLE s /* silent */")
            }
          }
        }
      }
      while database.statistics.leased < writes.count {
        try await Task.sleep(for: .milliseconds(1))
      }
      proxy.silence([.toServer, .toClient], newOnes: true)
      for write in writes {
        let error = await write.value
        guard case .unknownOutcome = error else {
          Issue.record("a write whose outcome nobody knows ended with \(String(describing: error))")
          continue
        }
      }
      let isDone = Mutex(false)
      let work = Task {
        try await BlockingWork.shared.run {}
        isDone.withLock { $0 = true }
      }
      #expect(await comesTrue(within: .seconds(5)) { isDone.withLock { $0 } })
      proxy.close()  // ends what still waits
      try await work.value
    }
  }
}

import EventLoops
import Postgres
import Testing

/// Reads for which no connection has room yet: one connection takes 16 at once, and more when it has answered
/// most of them.
@Suite("Reads that wait for a connection")
struct ReadLaneTests {
  @Test(
    "those whose time is up have not been sent, and the next is answered", .timeLimit(.minutes(1)))
  func timeIsUp() async throws {
    try await withDatabase(
      "waited",
      configure: {
        $0.readConnectionsPerLoop = 1
        $0.statementTimeout = .milliseconds(400)
      }
    ) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        await warmUp("SELECT 1", in: database)
        let errors = await errors(of: 40) { _ = try await database.execute("SELECT pg_sleep(0.1)") }
        let refused = errors.filter { $0 == .poolExhausted }.count
        let timedOut = errors.filter { if case .timedOut = $0 { true } else { false } }.count
        #expect(refused == 24)
        #expect(timedOut == 16)
        await warmUp("SELECT 1", in: database)
        let later = try await database.value("SELECT 7", as: Int.self)
        #expect(later == 7)
      }
    }
  }

  @Test("nobody waits behind a slow one while a connection is idle", .timeLimit(.minutes(1)))
  func behindSlow() async throws {
    try await withDatabase("slow", configure: { $0.readConnectionsPerLoop = 2 }) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        while database.statistics.readConnections < 2 {
          _ = await errors(of: 4) { try await database.connect() }
        }
        for _ in 0..<2 {
          let slow = Task { try await database.execute("SELECT pg_sleep(60) /* slow */") }
          try await until(isRunning("/* slow */"), in: database)
          let one = await errors(of: 1) { _ = try await database.execute("SELECT 1") }
          let many = await errors(of: 8) { _ = try await database.execute("SELECT 1") }
          #expect(one == [])
          #expect(many == [])
          slow.cancel()
          await #expect(throws: CancellationError.self) { try await slow.value }
          try await until("SELECT NOT (\(isRunning("/* slow */")))", in: database)
        }
      }
    }
  }

  @Test("more than may wait are refused at once")
  func tooMany() async throws {
    try await withDatabase(
      "crowded",
      configure: {
        $0.readConnectionsPerLoop = 1
        $0.readWaitersMax = 10
      }
    ) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.connect()
        let errors = await errors(of: 30) { _ = try await database.execute("SELECT 1") }
        #expect(errors == Array(repeating: .poolExhausted, count: 20))
        let later = try await database.value("SELECT 7", as: Int.self)
        #expect(later == 7)
      }
    }
  }

  @Test("those that came before the database was closed are answered", .timeLimit(.minutes(1)))
  func closing() async throws {
    try await withDatabase("closing", configure: { $0.readConnectionsPerLoop = 2 }) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.connect()
        let closing = Task {
          try await loops.loops[0].sleep(for: .milliseconds(20))
          await database.close()
        }
        let errors = await errors(of: 100) {
          _ = try await database.execute("SELECT pg_sleep(0.005)")
        }
        #expect(errors == [])
        try await closing.value
        let late = await postgresError { try await database.execute("SELECT 1") }
        #expect(late == .notSent(reason: "the database is closed"))
      }
    }
  }

  /// Runs `body` `count` times at once.
  private func errors(
    of count: Int, _ body: @escaping @Sendable () async throws -> Void
  ) async -> [PostgresError] {
    await withTaskGroup(of: PostgresError?.self) { group in
      for _ in 0..<count { group.addTask { await postgresError(body) } }
      return await group.reduce(into: []) { errors, error in
        if let error { errors.append(error) }
      }
    }
  }
}

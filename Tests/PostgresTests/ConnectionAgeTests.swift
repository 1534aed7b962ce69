import EventLoops
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ConnectionAgeTests {
  /// Which of the server's processes a call gets.
  private static let readingSession: SQL = "SELECT pg_backend_pid()"
  private static let writingSession: SQL = "WITH p AS (SELECT pg_backend_pid()) TABLE p"

  @Test(
    "an old connection is replaced and closed, and no call fails of it", arguments: [true, false])
  func replaced(isRead: Bool) async throws {
    try await withDatabase("age", configure: Self.one(aged: .milliseconds(100))) { database in
      let callers = try await withTaskExecutorPreference(loops.loops[0]) {
        try await withThrowingTaskGroup(of: [Int].self) { group in
          for _ in 0..<8 {
            group.addTask {
              var seen: [Int] = []
              while seen.count < 4 {
                let session = try await session(of: database, isRead: isRead)
                if !seen.contains(session) { seen.append(session) }
              }
              return seen
            }
          }
          var callers: [[Int]] = []
          for try await seen in group { callers.append(seen) }
          return callers
        }
      }
      let statistics = database.statistics
      #expect(max(statistics.readConnections, statistics.transactionConnections) <= 2)
      for session in callers.compactMap(\.first) {
        try await until(
          "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = \(session))", in: database)
      }
    }
  }

  @Test("who has an old connection to itself keeps it to the end, while others get the new one")
  func leased() async throws {
    try await withDatabase("age", configure: Self.one(aged: .milliseconds(50))) { database in
      try await database.execute("CREATE TABLE t (n int8)")
      try await withTaskExecutorPreference(loops.loops[0]) {
        let kept = try await database.transaction { transaction in
          let kept = try #require(
            try await transaction.value(Self.writingSession, as: Int.self))
          // There is room for one connection: this one is in the place of the transaction's.
          #expect(try await session(of: database, isRead: false) != kept)
          try await transaction.execute("INSERT INTO t VALUES (1)")
          #expect(try await transaction.value(Self.writingSession) == kept)
          return kept
        }
        #expect(try await database.values("SELECT n FROM t") == [1])
        #expect(try await session(of: database, isRead: false) != kept)
      }
    }
  }

  @Test("an old connection goes on for as long as the server lets no other in")
  func irreplaceable() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "age")
    let role = "aged_\(UInt32.random(in: .min ... .max))"
    try await withDatabase(url: url) { admin in
      try await admin.execute("CREATE ROLE \(identifier: role) LOGIN PASSWORD 'aged'")
      let configure: (inout DatabaseConfiguration) -> Void = { configuration in
        Self.one(aged: .milliseconds(50))(&configuration)
        configuration.reconnectDelay = .milliseconds(1) ... .milliseconds(10)
      }
      try await withDatabase(
        url: server.url(url, user: role, password: "aged"), configure: configure
      ) { database in
        try await withTaskExecutorPreference(loops.loops[0]) {
          func sessions() async throws -> [Int] {
            [
              try await session(of: database, isRead: true),
              try await session(of: database, isRead: false),
            ]
          }
          _ = try await sessions()
          try await admin.execute("ALTER ROLE \(identifier: role) CONNECTION LIMIT 1")
          var seen: Set<[Int]> = []
          let end = ContinuousClock.now + .milliseconds(500)
          while ContinuousClock.now < end { seen.insert(try await sessions()) }
          // For each an attempt may have been under way when the limit came.
          #expect(seen.count <= 3)
          try await admin.execute("ALTER ROLE \(identifier: role) CONNECTION LIMIT -1")
          while try await seen.contains(sessions()) {}
        }
      }
    }
  }

  /// One connection of each kind, which is replaced at `age`.
  private static func one(aged age: Duration) -> (inout DatabaseConfiguration) -> Void {
    { configuration in
      configuration.readConnectionsPerLoop = 1
      configuration.transactionConnectionsPerLoop = 1
      configuration.connectionAgeMax = age
    }
  }

  private func session(of database: Database, isRead: Bool) async throws -> Int {
    try #require(
      try await database.value(isRead ? Self.readingSession : Self.writingSession, as: Int.self))
  }
}

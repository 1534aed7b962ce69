import EventLoops
import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct CrashTests {
  @Test("after a server process is killed everything fails as it should, and then goes on")
  func killed() async throws {
    let server = try await PrivatePostgres.separate()
    var configuration = try DatabaseConfiguration(
      url: try await server.makeDatabase(named: "crash"))
    configuration.reconnectDelay = .milliseconds(10)...(.milliseconds(50))
    let database = Database(configuration, group: loops)
    // The server of the tests does not wait for its log: this must outlive the kill.
    try await database.execute("CREATE TABLE t (n int8)")
    try await database.execute("CHECKPOINT")
    async let write: PostgresError? = postgresError {
      try await database.execute("WITH s AS (SELECT pg_sleep(60)) INSERT INTO t SELECT 1 FROM s")
    }
    async let transaction: PostgresError? = postgresError {
      _ = try await database.transaction { tx in
        try await tx.execute("INSERT INTO t VALUES (2)")
        try await tx.execute("SELECT pg_sleep(60) /* transaction */")
      }
    }
    try await until(isRunning("/* transaction */"), in: database)
    try await until(isRunning("INSERT INTO t SELECT"), in: database)
    let victim: Int? = try await database.value(
      "SELECT pid FROM pg_stat_activity WHERE query LIKE '%INSERT INTO t SELECT%' AND pid <> pg_backend_pid()"
    )
    // The postmaster ends all other processes, and recovers.
    #expect(kill(pid_t(try #require(victim)), SIGKILL) == 0)
    guard case .unknownOutcome = await write, case .connectionLost = await transaction else {
      Issue.record("\(String(describing: await write)), \(String(describing: await transaction))")
      return
    }
    var rows: [Int]?
    while rows == nil {
      do {
        rows = try await database.values("SELECT n FROM t")
      } catch let error as PostgresError {
        try #require(error.isUnavailability, "\(error)")
      }
    }
    #expect(rows == [])
    #expect(try await database.execute("INSERT INTO t VALUES (3)") == 1)
    await database.close()
  }
}

import EventLoops
import Postgres
import TestSupport
import Testing

@Suite struct StatementStatisticsTests {
  @Test(
    "named statements are counted with their time and errors, on all loops; unnamed ones are not")
  func counts() async throws {
    try await withDatabase("named") { database in
      try await database.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
      for loop in loops.loops {
        try await withTaskExecutorPreference(loop) {
          for number in 0..<3 {
            let found: Int? = try await database.value(.named("number.echo", "SELECT \(number)"))
            #expect(found == number)
          }
        }
      }
      // The same name at another place.
      try await database.execute(.named("number.echo", "SELECT 4"))
      try await database.execute(.named("number.sleep", "SELECT pg_sleep(0.15)"))
      try await database.execute(.named("number.insert", "INSERT INTO t VALUES (1)"))
      let error = await postgresError {
        try await database.execute(.named("number.insert", "INSERT INTO t VALUES (1)"))
      }
      #expect(error?.isUniqueViolation() == true)
      try await database.execute("SELECT 1, \(.named("number.part", "2") as SQL)")

      let statistics = database.statementStatistics
      #expect(statistics.map(\.name) == ["number.echo", "number.insert", "number.sleep"])
      #expect(statistics.map { $0.counts.reduce(0, +) } == [7, 2, 1])
      #expect(statistics.map(\.errors) == [0, 1, 0])
      // Upper bounds are 0.1 and 0.5 s; a busy machine may take longer, never less.
      #expect(statistics[2].counts.prefix(7).allSatisfy { $0 == 0 })
      #expect(statistics[2].seconds >= 0.14)
      #expect(statistics[0].seconds > 0)
    }
  }

  @Test(
    "a transaction's are counted too, those that are put off among them; cancelled ones are not")
  func inTransactions() async throws {
    try await withDatabase("measured") { database in
      try await database.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
      try await database.transaction { tx in
        try await tx.execute(.named("tx.execute", "INSERT INTO t VALUES (1)"))
        try await tx.send(.named("tx.send", "INSERT INTO t VALUES (2)"))
      }
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.send(.named("tx.send", "INSERT INTO t VALUES (2)"))
        }
      }
      #expect(error?.isUniqueViolation() == true)
      let cancelled = Task {
        try await database.execute(.named("tx.cancelled", "SELECT pg_sleep(600) /* m */"))
      }
      try await until(isRunning("/* m */"), in: database)
      cancelled.cancel()
      await #expect(throws: CancellationError.self) { try await cancelled.value }
      let statistics = database.statementStatistics
      #expect(statistics.map(\.name) == ["tx.execute", "tx.send"])
      #expect(statistics.map { $0.counts.reduce(0, +) } == [1, 2])
      #expect(statistics.map(\.errors) == [0, 1])
    }
  }
}

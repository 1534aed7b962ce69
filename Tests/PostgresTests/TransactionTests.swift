import EventLoops
import Postgres
import TestSupport
import Testing

private struct Refusal: Error {}

/// Not Sendable: bodies may use what their caller has.
private final class Basket { var items: [Int] = [] }

@Suite struct TransactionTests {
  @Test("what a transaction did is there after it returned, and not if it threw")
  func commitsAndRollsBack() async throws {
    try await withDatabase("commits") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let basket = Basket()
      let kept = try await database.transaction { tx in
        try await tx.execute("INSERT INTO t VALUES (\(1))")
        basket.items.append(try await tx.value("SELECT count(*) FROM t") ?? 0)
        return basket
      }
      #expect(kept.items == [1])
      await #expect(throws: Refusal.self) {
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO t VALUES (\(2))")
          throw Refusal()
        }
      }
      #expect(try await database.values("SELECT n FROM t") == [1])
    }
  }

  @Test("a transaction without a statement takes no connection")
  func empty() async throws {
    try await withDatabase("empty") { database in
      let value = try await database.transaction { _ in 1 }
      #expect(value == 1)
      #expect(database.statistics.transactionConnections == 0)
    }
  }

  @Test("a savepoint undoes its own part only, and nests")
  func savepoints() async throws {
    try await withDatabase("savepoints") { database in
      try await database.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
      try await database.transaction { tx in
        try await tx.execute("INSERT INTO t VALUES (1)")
        let error = await postgresError {
          try await tx.savepoint { tx in
            try await tx.execute("INSERT INTO t VALUES (2)")
            try await tx.execute("INSERT INTO t VALUES (1)")
          }
        }
        #expect(error?.isUniqueViolation("t_pkey") == true)
        try await tx.savepoint { tx in
          try await tx.execute("INSERT INTO t VALUES (3)")
          await #expect(throws: Refusal.self) {
            try await tx.savepoint { tx in
              try await tx.execute("INSERT INTO t VALUES (4)")
              throw Refusal()
            }
          }
        }
        await #expect(throws: Refusal.self) { try await tx.savepoint { _ in throw Refusal() } }
        try await tx.execute("INSERT INTO t VALUES (5)")
      }
      #expect(try await database.values("SELECT n FROM t ORDER BY n") == [1, 3, 5])
    }
  }

  @Test("a transaction whose body hides a failed statement does not pretend to have committed")
  func hiddenFailure() async throws {
    try await withDatabase("hidden") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO t VALUES (1)")
          _ = await postgresError { try await tx.execute("SELECT 1/0") }
        }
      }
      #expect(error?.sqlState == "25P02")
      #expect(try await database.value("SELECT count(*) FROM t") == 0)
    }
  }

  @Test("isolation and read-only hold")
  func isolation() async throws {
    try await withDatabase("isolation") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let level: String? = try await database.transaction(isolation: .serializable) { tx in
        try await tx.value("SELECT current_setting('transaction_isolation')")
      }
      #expect(level == "serializable")
      let error = await postgresError {
        try await database.transaction(isolation: .repeatableRead, readOnly: true) { tx in
          _ = try await tx.execute("INSERT INTO t VALUES (1)")
        }
      }
      #expect(error?.sqlState == "25006")
      let conflict = await postgresError {
        try await database.transaction(isolation: .repeatableRead) { tx in
          _ = try await tx.value("SELECT count(*) FROM t", as: Int.self)
          try await database.execute("INSERT INTO t VALUES (1)")
          try await database.execute("UPDATE t SET n = 2")
          #expect(try await tx.execute("UPDATE t SET n = 3") == 0)
        }
      }
      #expect(conflict == nil)
      let failure = await postgresError {
        try await database.transaction(isolation: .repeatableRead) { tx in
          _ = try await tx.value("SELECT count(*) FROM t", as: Int.self)
          try await database.execute("UPDATE t SET n = 4")
          try await tx.execute("UPDATE t SET n = 5")
        }
      }
      #expect(failure?.isRetryable == true)
    }
  }

  @Test("statements at once in one transaction run in order, on one connection")
  func concurrentStatements() async throws {
    try await withDatabase("order") { database in
      let (first, second): (Int?, Int?) = try await database.transaction { tx in
        async let first: Int? = tx.value("SELECT pg_backend_pid()::int8")
        async let second: Int? = tx.value("SELECT pg_backend_pid()::int8")
        return try await (first, second)
      }
      #expect(first == second && first != nil)
    }
  }

  @Test("who waits too long for a connection is refused, and the holder is not disturbed")
  func exhausted() async throws {
    try await withDatabase(
      "exhausted",
      configure: {
        $0.transactionConnectionsPerLoop = 1
        $0.leaseWaitMax = .milliseconds(200)
      }
    ) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        await warmUp("WITH n AS (SELECT 1) TABLE n", in: database)
        let answer: Int? = try await database.transaction { tx in
          try await tx.execute("SELECT 1")
          let error = await postgresError { try await database.execute("DELETE FROM nowhere") }
          #expect(error == .poolExhausted)
          #expect(database.statistics.leased == 1)
          return try await tx.value("SELECT 2")
        }
        #expect(answer == 2)
      }
    }
  }

  @Test("those who wait for a connection get it in their order")
  func fairness() async throws {
    try await withDatabase("fair", configure: { $0.transactionConnectionsPerLoop = 1 }) {
      database in
      try await database.execute("CREATE TABLE t (id int8 GENERATED ALWAYS AS IDENTITY, n int8)")
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<20 {
            group.addTask { try await database.execute("INSERT INTO t (n) VALUES (\(number))") }
          }
          try await group.waitForAll()
        }
      }
      #expect(try await database.values("SELECT n FROM t ORDER BY id") == Array(0..<20))
    }
  }

  @Test("a cancelled transaction rolls back, and its connection comes back clean")
  func cancelled() async throws {
    try await withDatabase("cancelled", configure: { $0.transactionConnectionsPerLoop = 1 }) {
      database in
      try await database.execute("CREATE TABLE t (n int8)")
      let task = Task(executorPreference: loops.loops[0]) {
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO t VALUES (1)")
          try await tx.execute("SELECT pg_sleep(60) /* c */")
        }
      }
      // The other loop has a connection of its own.
      try await withTaskExecutorPreference(loops.loops[1]) {
        try await until(isRunning("/* c */"), in: database)
      }
      let waiting = Task(executorPreference: loops.loops[0]) {
        try await database.execute("INSERT INTO t VALUES (2)")
      }
      while database.statistics.waiting == 0 { await Task.yield() }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      try await withTaskExecutorPreference(loops.loops[0]) {
        let state: (Bool, Int)? = try await database.transaction { tx in
          try await tx.first(
            "SELECT pg_current_xact_id_if_assigned() IS NULL, (SELECT count(*) FROM t)"
          ) { row in
            (try row.next(), try row.next())
          }
        }
        #expect(state?.0 == true)
        #expect(state?.1 == 0)
      }
    }
  }

  @Test("a transaction whose connection ends is lost; at COMMIT its outcome is unknown")
  func terminated() async throws {
    try await withDatabase("lost") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      try await database.execute(
        """
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'
        """)
      try await database.execute(
        """
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()
        """)
      async let lost: PostgresError? = postgresError {
        _ = try await database.transaction { tx in
          try await tx.execute("SELECT pg_sleep(60) /* statement */")
        }
      }
      try await until(isRunning("/* statement */"), in: database)
      try await database.execute(terminate("/* statement */"))
      guard case .connectionLost = await lost else {
        Issue.record("\(String(describing: await lost))")
        return
      }
      async let unknown: PostgresError? = postgresError {
        _ = try await database.transaction { tx in
          try await tx.execute("INSERT INTO t VALUES (1)")
        }
      }
      try await until(isRunning("COMMIT"), in: database)
      try await database.execute(terminate("COMMIT"))
      guard case .unknownOutcome = await unknown else {
        Issue.record("\(String(describing: await unknown))")
        return
      }
      let after: Int? = try await database.transaction { tx in try await tx.value("SELECT 1") }
      #expect(after == 1)
    }
  }

  @Test(
    "a transaction's first statement, with BEGIN ahead of it, is told as too slow, not as refused")
  func firstTimesOut() async throws {
    try await withDatabase(
      "slow",
      configure: {
        $0.statementTimeout = .milliseconds(300)
        $0.transactionConnectionsPerLoop = 1
      }
    ) { database in
      await withTaskExecutorPreference(loops.loops[0]) {
        await warmUp("WITH n AS (SELECT 1) TABLE n", in: database)
        let error = await postgresError {
          _ = try await database.transaction { tx in try await tx.execute("SELECT pg_sleep(600)") }
        }
        guard case .timedOut(let statement) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        #expect(statement.contains("pg_sleep"))
      }
    }
  }

  @Test("a lock that is not granted in time is told as such")
  func lockTimeout() async throws {
    try await withDatabase("locks") { database in
      try await database.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
      try await database.transaction { tx in
        try await tx.execute("INSERT INTO t VALUES (1)")
        let error = await postgresError {
          try await database.transaction { other in
            try await other.execute("SET LOCAL lock_timeout = '50ms'")
            try await other.execute("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING")
          }
        }
        #expect(error?.isLockTimeout == true)
      }
    }
  }

  @Test("a transaction that was kept beyond its body refuses")
  func kept() async throws {
    try await withDatabase("kept") { database in
      let kept = try await database.transaction { tx in
        try await tx.execute("SELECT 1")
        return tx
      }
      let error = await postgresError { try await kept.execute("SELECT 2") }
      #expect(error == .notSent(reason: "the transaction has ended"))
    }
  }
}

@Suite struct CommitHooksTests {
  @Test("what goes wrong before COMMIT undoes the transaction, what goes wrong after it does not")
  func hooks() async throws {
    try await withDatabase(
      "hooks",
      configure: { configuration in
        configuration.commitHooks = CommitHooks(
          before: { if Drill.point == .before { throw Refusal() } },
          after: { if Drill.point == .after { throw Refusal() } })
      }
    ) { database in
      try await database.execute("CREATE TABLE t (n int8)")
      for (number, point) in [Drill.Point.before, .after, .none].enumerated() {
        var isRefused = false
        do {
          try await Drill.$point.withValue(point) {
            try await database.transaction { tx in
              try await tx.execute("INSERT INTO t VALUES (\(number))")
            }
          }
        } catch is Refusal {
          isRefused = true
        }
        #expect(isRefused == (point != .none))
      }
      #expect(try await database.values("SELECT n FROM t ORDER BY n") == [1, 2])
    }
  }

}

private enum Drill {
  enum Point { case none, before, after }
  @TaskLocal static var point = Point.none
}

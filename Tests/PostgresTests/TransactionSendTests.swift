import EventLoops
import Postgres
import TestSupport
import Testing

private struct Refusal: Error {}

/// What `Transaction.send` puts off.
@Suite(.timeLimit(.minutes(5))) struct TransactionSendTests {
  /// With one connection for writes, on one loop.
  private func withTable(
    _ name: String, configure: (inout DatabaseConfiguration) -> Void = { _ in },
    _ body: (Database) async throws -> Void
  ) async throws {
    try await withDatabase(
      name,
      configure: {
        $0.transactionConnectionsPerLoop = 1
        configure(&$0)
      }
    ) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
        try await body(database)
      }
    }
  }

  private func numbers(_ database: Database) async throws -> [Int] {
    try await database.values("SELECT n FROM t ORDER BY n")
  }

  @Test("it goes with COMMIT in one round trip; without its answer the outcome is unknown")
  func oneRoundTrip() async throws {
    let server = try await PrivatePostgres.shared()
    let truth = try await server.makeDatabase(named: "trips")
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.close() }
    try await withDatabase(url: truth) { direct in
      try await direct.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
      let url = truth.replacing(":\(server.port)/", with: ":\(proxy.port)/")
      try await withDatabase(url: url) { database in
        try await withTaskExecutorPreference(loops.loops[0]) {
          try await database.execute("INSERT INTO t VALUES (0)")
          proxy.silence([.toClient], newOnes: true)
          async let outcome: PostgresError? = postgresError {
            try await database.transaction { tx in
              for number in 1...3 { try await tx.send("INSERT INTO t VALUES (\(number))") }
            }
          }
          // Committed, though nothing was answered.
          try await until("SELECT count(*) = 4 FROM t", in: direct)
          proxy.reset()
          guard case .unknownOutcome = await outcome else {
            Issue.record("the commit was said to have an outcome")
            return
          }
        }
      }
      #expect(try await direct.values("SELECT n FROM t ORDER BY n") == [0, 1, 2, 3])
    }
  }

  @Test("a transaction that is lost before its COMMIT was sent has no unknown outcome")
  func lostBeforeCommit() async throws {
    try await withTable("before") { database in
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.send("INSERT INTO t VALUES (1)")
          try await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        }
      }
      guard case .connectionLost = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      let left = try await numbers(database)
      #expect(left == [])
    }
  }

  @Test("what is put off runs in its order, however much it is")
  func order() async throws {
    try await withTable("order") { database in
      try await database.execute("CREATE TABLE log (id int8 GENERATED ALWAYS AS IDENTITY, n int8)")
      try await database.transaction { tx in
        for number in 0..<400 {
          if number % 150 == 0 {
            #expect(try await tx.value("SELECT count(*) FROM log") == number)
          }
          try await tx.send("INSERT INTO log (n) VALUES (\(number))")
        }
      }
      #expect(try await database.values("SELECT n FROM log ORDER BY id") == Array(0..<400))
    }
  }

  @Test("one that is refused at COMMIT commits nothing, and is told with what it is")
  func refusedAtCommit() async throws {
    try await withTable("refused") { database in
      let before: Int? = try await database.value("WITH p AS (SELECT pg_backend_pid()) TABLE p")
      let twice = await postgresError {
        try await database.transaction { tx in
          try await tx.send("INSERT INTO t VALUES (1)")
          try await tx.send("INSERT INTO t VALUES (1) /* twice */")
          try await tx.send("INSERT INTO t VALUES (2)")
        }
      }
      #expect(twice?.isUniqueViolation("t_pkey") == true)
      #expect(twice?.description.contains("/* twice */") == true)
      // Refused when it is prepared.
      for _ in 0..<2 {
        let nowhere = await postgresError {
          try await database.transaction { tx in
            try await tx.send("INSERT INTO t VALUES (3)")
            try await tx.send("INSERT INTO nowhere VALUES (1)")
          }
        }
        #expect(nowhere?.sqlState == "42P01")
      }
      let left = try await numbers(database)
      #expect(left == [])
      #expect(
        try await database.value("WITH p AS (SELECT pg_backend_pid()) TABLE p") == before)
    }
  }

  @Test("one that is refused with the next statement is that one's error, and nothing is committed")
  func refusedWithNext() async throws {
    try await withTable("next") { database in
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO t VALUES (1)")
          try await tx.send("INSERT INTO t VALUES (1)")
          let twice = await postgresError { _ = try await tx.value("SELECT 1", as: Int.self) }
          #expect(twice?.isUniqueViolation("t_pkey") == true)
          try await tx.send("INSERT INTO t VALUES (2)")
        }
      }
      #expect(error?.sqlState == "25P02")
      let left = try await numbers(database)
      #expect(left == [])
    }
  }

  @Test("a body that throws leaves what is put off unsent")
  func thrown() async throws {
    try await withTable("thrown") { database in
      await #expect(throws: Refusal.self) {
        try await database.transaction { tx in
          try await tx.send("INSERT INTO t VALUES (1)")
          throw Refusal()
        }
      }
      let left = try await numbers(database)
      #expect(left == [])
    }
  }

  @Test("a savepoint undoes what was put off in it, and that alone")
  func savepoints() async throws {
    try await withTable("savepoints") { database in
      try await database.transaction { tx in
        try await tx.send("INSERT INTO t VALUES (1)")
        // Refused within, sent with the release.
        let twice = await postgresError {
          try await tx.savepoint { tx in try await tx.send("INSERT INTO t VALUES (1)") }
        }
        #expect(twice?.isUniqueViolation("t_pkey") == true)
        // Never sent.
        await #expect(throws: Refusal.self) {
          try await tx.savepoint { tx in
            try await tx.send("INSERT INTO t VALUES (2)")
            throw Refusal()
          }
        }
        // Sent, and some not.
        await #expect(throws: Refusal.self) {
          try await tx.savepoint { tx in
            try await tx.execute("INSERT INTO t VALUES (3)")
            try await tx.send("INSERT INTO t VALUES (4)")
            try await tx.savepoint { tx in try await tx.send("INSERT INTO t VALUES (5)") }
            try await tx.send("INSERT INTO t VALUES (1)")
            throw Refusal()
          }
        }
        try await tx.savepoint { tx in
          try await tx.send("INSERT INTO t VALUES (6)")
          await #expect(throws: Refusal.self) {
            try await tx.savepoint { tx in
              try await tx.send("INSERT INTO t VALUES (7)")
              throw Refusal()
            }
          }
        }
        try await tx.savepoint { tx in try await tx.execute("INSERT INTO t VALUES (8)") }
        try await tx.send("INSERT INTO t VALUES (9)")
      }
      let left = try await numbers(database)
      #expect(left == [1, 6, 8, 9])
    }
  }

  @Test("one that takes too long is told of as such, and nothing is committed")
  func timesOut() async throws {
    try await withTable("late", configure: { $0.statementTimeout = .milliseconds(500) }) {
      database in
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.send("INSERT INTO t VALUES (1)")
          try await tx.send("SELECT pg_sleep(600)")
        }
      }
      guard case .timedOut(let statement) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(statement.contains("pg_sleep"))
      await warmUp("DELETE FROM t WHERE false", in: database)
      let left = try await numbers(database)
      #expect(left == [])
    }
  }

  @Test(
    "cancelled while it waits for a connection, nothing is sent; once COMMIT is sent, it is told")
  func cancelled() async throws {
    try await withTable("cancelled", configure: { $0.statementTimeout = .seconds(3600) }) {
      database in
      try await database.transaction { tx in
        try await tx.execute("INSERT INTO t VALUES (1)")
        let waiting = Task(executorPreference: loops.loops[0]) {
          try await database.transaction { try await $0.send("INSERT INTO t VALUES (2)") }
        }
        while database.statistics.waiting == 0 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
      }
      let sent = try await withTaskExecutorPreference(loops.loops[1]) {
        try await database.transaction { tx in
          try await tx.execute("SELECT pg_advisory_xact_lock(7)")
          let sent = Task(executorPreference: loops.loops[0]) {
            try await database.transaction { tx in
              try await tx.send("SELECT pg_advisory_xact_lock(7) /* sent */")
              try await tx.send("INSERT INTO t VALUES (3)")
            }
          }
          while try await database.value(isRunning("/* sent */"), as: Bool.self) != true {}
          sent.cancel()
          return sent
        }
      }
      try await sent.value
      let left = try await numbers(database)
      #expect(left == [1, 3])
    }
  }

  @Test("a transaction that was kept beyond its body refuses to put off")
  func kept() async throws {
    try await withTable("kept") { database in
      let kept = try await database.transaction { tx in
        try await tx.send("INSERT INTO t VALUES (1)")
        return tx
      }
      let error = await postgresError { try await kept.send("INSERT INTO t VALUES (2)") }
      #expect(error == .notSent(reason: "the transaction has ended"))
      let left = try await numbers(database)
      #expect(left == [1])
    }
  }
}

import EventLoops
import Postgres
import TestSupport
import Testing

@Suite struct DatabaseTests {
  @Test("every one of many concurrent callers gets its own answer", arguments: [true, false])
  func ownAnswers(onLoop: Bool) async throws {
    try await withDatabase("answers") { database in
      let executor: EventLoop? = onLoop ? loops.loops[0] : nil
      try await withTaskExecutorPreference(executor) {
        try await withThrowingTaskGroup(of: Bool.self) { group in
          for number in 0..<500 {
            group.addTask {
              let text = "caller \(number)"
              return try await database.first("SELECT \(number), \(text)") { row in
                try row.next(as: Int.self) == number && row.next(as: String.self) == text
              } == true
            }
          }
          for try await isOwn in group { #expect(isOwn) }
        }
      }
      #expect(database.statistics.readConnections <= 8)
    }
  }

  @Test("a statement that fails in a batch does not hurt its neighbours")
  func neighbours() async throws {
    try await withDatabase("neighbours", configure: { $0.readConnectionsPerLoop = 1 }) { database in
      for _ in 0..<3 {
        try await withTaskExecutorPreference(loops.loops[0]) {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<60 {
              group.addTask {
                switch number % 6 {
                case 1:
                  let error = await postgresError {
                    _ = try await database.value("SELECT 1 / (\(number) - \(number))", as: Int.self)
                  }
                  #expect(error?.sqlState == "22012")
                case 4:
                  let error = await postgresError {
                    try await database.execute("SELECT FROM nowhere")
                  }
                  #expect(error?.sqlState == "42P01")
                default:
                  let answer = try await database.value("SELECT \(number)", as: Int.self)
                  #expect(answer == number)
                }
              }
            }
            try await group.waitForAll()
          }
        }
      }
      #expect(database.statistics.readConnections == 1)
    }
  }

  @Test("a write commits by itself, returns rows, and tells how many it changed")
  func writes() async throws {
    try await withDatabase("writes") { database in
      try await database.execute("CREATE TABLE t (id int8 GENERATED ALWAYS AS IDENTITY, n int8)")
      let id: Int? = try await database.value("INSERT INTO t (n) VALUES (\(5)) RETURNING id")
      #expect(id == 1)
      let inserted = try await database.execute("INSERT INTO t (n) SELECT unnest(\([1, 2, 3]))")
      #expect(inserted == 3)
      let updated = try await database.execute("UPDATE t SET n = n + 1 WHERE n > \(100)")
      #expect(updated == 0)
      #expect(try await database.values("SELECT n FROM t ORDER BY id") == [5, 1, 2, 3])
    }
  }

  @Test("a write that is refused only when it commits is refused, and the next goes on")
  func refusedAtCommit() async throws {
    try await withDatabase("deferred", configure: { $0.transactionConnectionsPerLoop = 1 }) {
      database in
      try await database.execute(
        "CREATE TABLE t (n int8 CONSTRAINT t_n UNIQUE DEFERRABLE INITIALLY DEFERRED)")
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.execute("INSERT INTO t VALUES (1)")
        let session = try await database.value(
          "WITH p AS (SELECT pg_backend_pid()) TABLE p", as: Int.self)
        let error = await postgresError { try await database.execute("INSERT INTO t VALUES (1)") }
        #expect(error?.isUniqueViolation("t_n") == true)
        #expect(try await database.execute("INSERT INTO t VALUES (2)") == 1)
        #expect(
          try await database.value("WITH p AS (SELECT pg_backend_pid()) TABLE p") == session)
      }
      #expect(try await database.values("SELECT n FROM t ORDER BY n") == [1, 2])
    }
  }

  @Test("a read that writes is refused, because it would share its batch with strangers")
  func readsOnly() async throws {
    try await withDatabase("readonly") { database in
      try await database.execute("CREATE SEQUENCE s")
      let error = await postgresError { try await database.execute("SELECT nextval('s')") }
      #expect(error?.sqlState == "25006")
      #expect(try await database.value("WITH n AS (SELECT nextval('s') AS n) TABLE n") == 1)
    }
  }

  @Test("a broken constraint is named, and the values are not told")
  func constraints() async throws {
    try await withDatabase("constraints") { database in
      try await database.execute(
        """
        CREATE TABLE t (email text CONSTRAINT t_email_key UNIQUE,
          n int8 CONSTRAINT t_n_check CHECK (n > 0))
        """)
      let email = "secret@example.org"
      try await database.execute("INSERT INTO t VALUES (\(email), \(1))")
      let twice = await postgresError {
        try await database.execute("INSERT INTO t VALUES (\(email), \(1))")
      }
      #expect(twice?.isUniqueViolation("t_email_key") == true)
      #expect(twice?.isUniqueViolation("other") == false)
      #expect(twice?.description.contains("secret") == false)
      #expect(twice?.description.contains("INSERT INTO t VALUES ($1, $2)") == true)
      let negative = await postgresError {
        try await database.execute("INSERT INTO t VALUES ('x', \(-1))")
      }
      #expect(negative?.isCheckViolation("t_n_check") == true)
      let cast = await postgresError {
        try await database.execute("SELECT \("secret")::text::uuid")
      }
      #expect(cast?.sqlState == "22P02")
      #expect(cast?.description.contains("secret") == false)
    }
  }

  @Test("a read survives the end of its connection; a write's outcome is unknown; both go on after")
  func terminated() async throws {
    try await withDatabase("terminated", configure: { $0.readConnectionsPerLoop = 1 }) { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let reading = try await database.transaction { tx in
        // The read waits for this lock, loses its connection, is sent again, and gets it at the end.
        try await tx.execute("SELECT pg_advisory_xact_lock(7)")
        let reading = Task<Int?, any Error> {
          try await database.value("SELECT 1 FROM pg_advisory_lock(7) /* r */")
        }
        try await until(isRunning("/* r */"), in: database)
        try await tx.execute(terminate("/* r */"))
        return reading
      }
      #expect(try await reading.value == 1)

      async let write: PostgresError? = postgresError {
        try await database.execute("WITH s AS (SELECT pg_sleep(60)) INSERT INTO t SELECT 1 FROM s")
      }
      try await until(isRunning("INSERT INTO t SELECT"), in: database)
      try await database.transaction { tx in
        _ = try await tx.execute(terminate("INSERT INTO t SELECT"))
      }
      guard case .unknownOutcome = await write else {
        Issue.record("the write was said to have an outcome")
        return
      }
      #expect(try await database.execute("INSERT INTO t VALUES (2)") == 1)
      #expect(try await database.values("SELECT n FROM t") == [2])
    }
  }

  @Test(
    "a statement that takes too long is stopped, and its connection goes on",
    arguments: [true, false])
  func timesOut(isRead: Bool) async throws {
    try await withDatabase(
      "slow",
      configure: {
        $0.statementTimeout = .milliseconds(300)
        $0.readConnectionsPerLoop = 1
        $0.transactionConnectionsPerLoop = 1
      }
    ) { database in
      await withTaskExecutorPreference(loops.loops[0]) {
        await warmUp(isRead ? "SELECT 1" : "WITH n AS (SELECT 1) TABLE n", in: database)
        let error = await postgresError {
          try await database.execute(
            isRead ? "SELECT pg_sleep(600)" : "WITH s AS (SELECT pg_sleep(600)) TABLE s")
        }
        guard case .timedOut(let statement) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        #expect(statement.contains("pg_sleep"))
        await warmUp(isRead ? "SELECT 7" : "WITH n AS (SELECT 7) TABLE n", in: database)
      }
    }
  }

  @Test(
    "a cancelled caller leaves at once, and the server stops", .timeLimit(.minutes(1)),
    arguments: [true, false])
  func cancels(isRead: Bool) async throws {
    // No other limit than the cancellation ends the statement.
    try await withDatabase("cancelled", configure: { $0.statementTimeout = .seconds(3600) }) {
      database in
      let task = Task {
        try await database.execute(
          isRead
            ? "SELECT pg_sleep(600) /* c */" : "WITH s AS (SELECT pg_sleep(600)) TABLE s /* c */")
      }
      try await until(isRunning("/* c */"), in: database)
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      try await until("SELECT NOT (\(isRunning("/* c */")))", in: database)
    }
  }

  @Test("statements run again after a table has changed under their plans")
  func changedTables() async throws {
    try await withDatabase("plans") { database in
      try await database.execute("CREATE TABLE t (a int4)")
      try await database.execute("INSERT INTO t VALUES (1)")
      func columns() async throws -> Int? {
        try await database.first("SELECT * FROM t") { $0.count }
      }
      #expect(try await columns() == 1)
      try await database.execute("ALTER TABLE t ADD COLUMN b text")
      #expect(try await columns() == 2)
    }
  }

  @Test("without prepared statements everything works the same")
  func unprepared() async throws {
    try await withDatabase("unprepared", configure: { $0.preparedStatements = false }) { database in
      let answer = try await database.value("SELECT \(1) + \(2)", as: Int.self)
      #expect(answer == 3)
      let error = await postgresError { try await database.execute("SELECT 1/0") }
      #expect(error?.sqlState == "22012")
      let sum: Int? = try await database.transaction { tx in
        try await tx.value("SELECT \(2) + \(3)")
      }
      #expect(sum == 5)
    }
  }

  @Test("a server that is not there is told as such, quickly")
  func nobodyThere() async throws {
    var configuration = try DatabaseConfiguration(url: "postgresql://u:secret@127.0.0.1:1/d")
    configuration.reconnectDelay = .milliseconds(1) ... .milliseconds(2)
    let database = Database(configuration, group: loops)
    for statement: SQL in ["SELECT 1", "DELETE FROM t"] {
      let error = await postgresError { try await database.execute(statement) }
      guard case .notSent(let reason) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(!reason.contains("secret"))
    }
    await database.close()
  }

  @Test("a closed database refuses")
  func closed() async throws {
    try await withDatabase("closed") { database in
      try await database.ping()
      await database.close()
      #expect(
        await postgresError { try await database.ping() }
          == .notSent(reason: "the database is closed"))
      #expect(database.statistics.readConnections == 0)
    }
  }
}

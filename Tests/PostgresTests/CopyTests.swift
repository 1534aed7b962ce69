import EventLoops
import Postgres
import TestSupport
import Testing

private struct Refusal: Error {}

/// One column of each type, and each type once as NULL.
private struct CopiedRow: Equatable {
  let number: Int
  let small: Int16
  let medium: Int32
  let text: String
  let flag: Bool
  let ratio: Double
  let at: SQLTimestamp
  let id: SQLUUID
  let document: JSONText
  let bytes: [UInt8]
  let numbers: [Int]
  let texts: [String]
  let maybeNumber: Int?
  let maybeText: String?
  let maybeBytes: [UInt8]?

  static let table: SQL = """
    CREATE TABLE t (number int8 PRIMARY KEY, small int2, medium int4, text text NOT NULL, flag bool,
      ratio float8, at timestamptz, id uuid, document jsonb, bytes bytea, numbers int8[], texts text[],
      maybe_number int8, maybe_text text, maybe_bytes bytea)
    """
  static let columns: SQL = """
    t (number, small, medium, text, flag, ratio, at, id, document, bytes, numbers, texts, maybe_number,
      maybe_text, maybe_bytes)
    """

  init(_ number: Int) {
    self.number = number
    small = Int16(truncatingIfNeeded: number * 7)
    medium = Int32(truncatingIfNeeded: number * 1_000_003)
    text = "row \(number), ž\t\u{1F434}\\"
    flag = number % 3 == 0
    ratio = Double(number) / 7
    at = SQLTimestamp(microsecondsSince1970: Int64(number) * 86_400_000_123 - 1_000_000_000_000)
    id = SQLUUID(high: UInt64(number) &* 0x9e37_79b9_7f4a_7c15, low: ~UInt64(number))
    document = JSONText(#"{"n": \#(number)}"#)
    bytes = (0..<number % 40).map { UInt8(truncatingIfNeeded: $0 * number) }
    numbers = Array(0..<number % 4)
    texts = (0..<number % 3).map { "t\($0)" }
    maybeNumber = number % 2 == 0 ? nil : number
    maybeText = number % 5 == 0 ? nil : ""
    maybeBytes = number % 7 == 0 ? nil : [0, 255]
  }

  init(_ row: inout Row) throws {
    number = try row.next()
    small = try row.next()
    medium = try row.next()
    text = try row.next()
    flag = try row.next()
    ratio = try row.next()
    at = try row.next()
    id = try row.next()
    document = try row.next()
    bytes = try row.next()
    numbers = try row.next()
    texts = try row.next()
    maybeNumber = try row.next()
    maybeText = try row.next()
    maybeBytes = try row.next()
  }

  nonisolated(nonsending) func append(to rows: inout CopyWriter) async throws {
    try await rows.append(
      number, small, medium, text, flag, ratio, at, id, document, bytes, numbers, texts,
      maybeNumber, maybeText, maybeBytes)
  }
}

@Suite(.timeLimit(.minutes(5))) struct CopyTests {
  /// More than the sockets and libpq would hold by themselves.
  private static let many = 50_000

  /// One connection on one loop, so that the next statement shows what state a COPY left it in.
  private func withOneConnection(
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
      try await withTaskExecutorPreference(loops.loops[0]) { try await body(database) }
    }
  }

  private func session(in database: Database) async throws -> Int? {
    try await database.value("WITH p AS (SELECT pg_backend_pid()) TABLE p")
  }

  @Test("rows of all types arrive as they were, on a loop and beside it", arguments: [true, false])
  func arrives(onLoop: Bool) async throws {
    try await withDatabase("copied", configure: { $0.transactionConnectionsPerLoop = 1 }) {
      database in
      let executor: EventLoop? = onLoop ? loops.loops[0] : nil
      try await withTaskExecutorPreference(executor) {
        try await database.execute(CopiedRow.table)
        let copied = try await database.transaction { tx in
          try await tx.send("INSERT INTO t (number, text) VALUES (-1, 'before')")
          let copied = try await tx.copy(into: CopiedRow.columns) { rows in
            for number in 0..<Self.many { try await CopiedRow(number).append(to: &rows) }
          }
          try await tx.execute("DELETE FROM t WHERE number = -1")
          return copied
        }
        #expect(copied == Self.many)
        let rows = try await database.query("SELECT * FROM t ORDER BY number") {
          try CopiedRow(&$0)
        }
        #expect(rows.count == Self.many)
        let different = rows.enumerated().first { $0.element != CopiedRow($0.offset) }
        #expect(different == nil)
      }
    }
  }

  @Test("no row, and a row longer than a piece, are copied too")
  func sizes() async throws {
    try await withOneConnection("sizes") { database in
      try await database.execute("CREATE TABLE t (id int8, text text)")
      let none = try await database.transaction { try await $0.copy(into: "t (id, text)") { _ in } }
      #expect(none == 0)
      let long = String(repeating: "long ", count: 400_000)
      let copied = try await database.transaction { tx in
        try await tx.copy(into: "t (id, text)") { rows in
          for id in 0..<3 { try await rows.append(id, long) }
        }
      }
      #expect(copied == 3)
      let different: Int? = try await database.value("SELECT count(*) FROM t WHERE text <> \(long)")
      #expect(different == 0)
      #expect(try await database.value("SELECT count(*) FROM t") == 3)
    }
  }

  @Test("a bad row in the middle leaves none, tells its SQLSTATE, and the connection goes on")
  func badRow() async throws {
    try await withOneConnection("bad") { database in
      try await database.execute(CopiedRow.table)
      let before = try await session(in: database)
      let error = await postgresError {
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO t (number, text) VALUES (-1, 'before')")
          _ = try await tx.copy(into: CopiedRow.columns) { rows in
            for number in 0..<Self.many {
              try await CopiedRow(number == Self.many / 2 ? 0 : number).append(to: &rows)
            }
          }
        }
      }
      #expect(error?.isUniqueViolation("t_pkey") == true)
      #expect(error?.description.contains("COPY t (number") == true)
      let wrongType = await postgresError {
        _ = try await database.transaction { tx in
          try await tx.copy(into: "t (medium, text)") { try await $0.append(1, "x") }
        }
      }
      #expect(wrongType?.sqlState == "22P03")
      let noTable = await postgresError {
        _ = try await database.transaction { tx in
          try await tx.copy(into: "nowhere") { try await $0.append(1) }
        }
      }
      #expect(noTable?.sqlState == "42P01")
      #expect(try await session(in: database) == before)
      #expect(try await database.value("SELECT count(*) FROM t") == 0)
    }
  }

  @Test("under a savepoint a failed one is undone alone; the transaction goes on, and copies again")
  func savepoint() async throws {
    try await withOneConnection("undone") { database in
      try await database.execute("CREATE TABLE t (n int8 CHECK (n > 0))")
      try await database.transaction { tx in
        try await tx.send("INSERT INTO t VALUES (1)")
        let error = await postgresError {
          try await tx.savepoint { tx in
            _ = try await tx.copy(into: "t (n)") { rows in
              for number in [2, 0] { try await rows.append(number) }
            }
          }
        }
        #expect(error?.isCheckViolation() == true)
        await #expect(throws: Refusal.self) {
          try await tx.savepoint { tx in
            _ = try await tx.copy(into: "t (n)") { rows in
              try await rows.append(3)
              throw Refusal()
            }
          }
        }
        #expect(try await tx.copy(into: "t (n)") { try await $0.append(4) } == 1)
        try await tx.send("INSERT INTO t VALUES (5)")
      }
      #expect(try await database.values("SELECT n FROM t ORDER BY n") == [1, 4, 5])
    }
  }

  @Test("a body that throws leaves no row, and its connection is used again")
  func bodyThrows() async throws {
    try await withOneConnection("thrown") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let before = try await session(in: database)
      await #expect(throws: Refusal.self) {
        try await database.transaction { tx in
          try await tx.copy(into: "t (n)") { rows in
            for number in 0..<Self.many { try await rows.append(number) }
            throw Refusal()
          }
        }
      }
      #expect(try await session(in: database) == before)
      #expect(try await database.value("SELECT count(*) FROM t") == 0)
    }
  }

  /// Where a COPY is when it is cancelled.
  enum Moment: CaseIterable {
    case waitsForItsTable
    case betweenRows
    case serverIsBusy
    case waitsAtItsEnd
  }

  @Test("a cancelled one leaves no row, and the connection goes on", arguments: Moment.allCases)
  func cancelled(at moment: Moment) async throws {
    try await withOneConnection("cancelled", configure: { $0.statementTimeout = .seconds(3600) }) {
      database in
      try await database.execute("CREATE TABLE t (n int8)")
      try await database.execute(
        """
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.n = -1 THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END'
        """)
      try await database.execute(
        "CREATE TRIGGER wait BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wait()")
      let before = try await session(in: database)
      func copy() -> Task<Int, any Error> {
        Task(executorPreference: loops.loops[0]) {
          try await database.transaction { tx in
            try await tx.copy(into: "t (n)") { rows in
              try await rows.append(1)
              switch moment {
              case .waitsForItsTable, .waitsAtItsEnd: try await rows.append(-1)
              case .betweenRows: while true { try await rows.append(2) }
              case .serverIsBusy:
                try await rows.append(-1)
                while true { try await rows.append(3) }
              }
            }
          }
        }
      }
      // Held on the other loop, which has a connection of its own.
      let task = try await withTaskExecutorPreference(loops.loops[1]) {
        try await database.transaction { tx in
          if moment == .waitsForItsTable { try await tx.execute("LOCK TABLE t IN SHARE MODE") }
          let task = copy()
          let waits: SQL =
            switch moment {
            case .waitsForItsTable: "wait_event_type = 'Lock'"
            case .betweenRows: "true"
            case .serverIsBusy, .waitsAtItsEnd: "wait_event = 'PgSleep'"
            }
          let isCopying: SQL = """
            SELECT EXISTS (SELECT FROM pg_stat_activity
              WHERE pid = \(before) AND query LIKE 'COPY%' AND state = 'active' AND \(waits))
            """
          while try await database.value(isCopying, as: Bool.self) != true {}
          task.cancel()
          return task
        }
      }
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try await session(in: database) == before)
      #expect(try await database.value("SELECT count(*) FROM t") == 0)
    }
  }

  @Test("one that the server does not go on with ends in time")
  func timesOut() async throws {
    try await withOneConnection("late", configure: { $0.statementTimeout = .milliseconds(500) }) {
      database in
      await warmUp("WITH n AS (SELECT 1) TABLE n", in: database)
      try await database.execute("CREATE TABLE t (n int8)")
      // On the other loop, which has a connection of its own; sends nothing more, and so is not timed.
      try await withTaskExecutorPreference(loops.loops[1]) {
        await warmUp("WITH n AS (SELECT 1) TABLE n", in: database)
        try await database.transaction { tx in
          try await tx.execute("LOCK TABLE t")
          let error = await withTaskExecutorPreference(loops.loops[0]) {
            await postgresError {
              _ = try await database.transaction { tx in
                try await tx.copy(into: "t (n)") { try await $0.append(1) }
              }
            }
          }
          guard case .timedOut(let statement) = error else {
            Issue.record("\(String(describing: error))")
            return
          }
          #expect(statement == "COPY t (n) FROM STDIN (FORMAT binary)")
        }
      }
      await warmUp("DELETE FROM t", in: database)
      // A busy machine takes half a second for any statement.
      var rows: Int?
      while rows == nil { rows = try? await database.value("SELECT count(*) FROM t") }
      #expect(rows == 0)
    }
  }

  @Test("other statements of the transaction are refused while it runs")
  func alone() async throws {
    try await withOneConnection("alone") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let copied = try await database.transaction { tx in
        try await tx.copy(into: "t (n)") { rows in
          try await rows.append(1)
          let error = await postgresError { try await tx.execute("SELECT 1") }
          #expect(error == .invalid("a COPY is under way in this transaction"))
          try await rows.append(2)
        }
      }
      #expect(copied == 2)
    }
  }

  @Test("one whose connection ends is lost, and leaves no row")
  func lost() async throws {
    try await withOneConnection("lost") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let error = await postgresError {
        _ = try await database.transaction { tx in
          try await tx.copy(into: "t (n)") { rows in
            try await rows.append(1)
            try await withTaskExecutorPreference(loops.loops[1]) {
              try await until(isRunning("COPY t"), in: database)
              try await database.execute(terminate("COPY t"))
              try await until("SELECT NOT (\(isRunning("COPY t")))", in: database)
            }
            for number in 0..<Self.many { try await rows.append(number) }
          }
        }
      }
      guard case .connectionLost = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try await database.execute("INSERT INTO t VALUES (7)") == 1)
      #expect(try await database.values("SELECT n FROM t") == [7])
    }
  }
}

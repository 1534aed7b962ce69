import EventLoops
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct ReportsTests {
  @Test("a short read does not wait for a report, not even on the same loop")
  func apart() async throws {
    let configure: (inout DatabaseConfiguration) -> Void = { configuration in
      configuration.readConnectionsPerLoop = 1
      configuration.reportTimeout = .seconds(3600)
    }
    try await withDatabase("reports", configure: configure) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        let report = Task(executorPreference: loops.loops[0]) {
          try await database.reports.execute("SELECT pg_sleep(600) /* report */")
        }
        try await until(isRunning("/* report */"), in: database)
        for number in 0..<100 { #expect(try await database.value("SELECT \(number)") == number) }
        #expect(
          try await database.value("WITH n AS (\(isRunning("/* report */"))) TABLE n") == true)
        report.cancel()
        await #expect(throws: CancellationError.self) { try await report.value }
        // The server stops, too.
        try await until("SELECT NOT (\(isRunning("/* report */")))", in: database)
      }
    }
  }

  @Test("a report has the server's time limit of its own, and others keep theirs")
  func timeLimit() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "reports")
    try await withDatabase(url: url) { admin in
      _ = try await admin.execute(
        """
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''200ms''',
          current_database()); END $$
        """)
    }
    try await withDatabase(url: url, configure: { $0.reportTimeout = .seconds(7) }) { database in
      try await database.reports.execute("SELECT pg_sleep(0.5)")
      #expect(try await database.reports.value("SHOW statement_timeout") == "7s")
      let short = await postgresError { try await database.execute("SELECT pg_sleep(0.5)") }
      #expect(short?.sqlState == "57014")
    }
    try await withDatabase(url: url, configure: { $0.reportTimeout = .milliseconds(200) }) {
      database in
      let error = await postgresError { try await database.reports.execute("SELECT pg_sleep(600)") }
      #expect(error?.sqlState == "57014")
      try await database.reports.execute("SELECT 1")
    }
  }

  @Test("a report that writes is refused")
  func readsOnly() async throws {
    try await withDatabase("reports") { database in
      try await database.execute("CREATE TABLE t (n int8)")
      let error = await postgresError {
        try await database.reports.execute("INSERT INTO t VALUES (1)")
      }
      #expect(error?.sqlState == "25006")
      #expect(try await database.reports.value("SELECT count(*) FROM t") == 0)
    }
  }

  @Test("reports beyond the connections wait in line, and beyond the line are refused")
  func bounds() async throws {
    let configure: (inout DatabaseConfiguration) -> Void = { configuration in
      configuration.reportConnectionsPerLoop = 1
      configuration.reportWaitersMax = 2
    }
    try await withDatabase("reports", configure: configure) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.reports.execute("SELECT 1")  // opens the connection
        let errors = try await database.transaction { transaction in
          // The first report waits for this lock, and the others for the first.
          try await transaction.execute("SELECT pg_advisory_lock(7)")
          return try await withThrowingTaskGroup(of: PostgresError?.self) { group in
            for _ in 0..<4 {
              group.addTask {
                await postgresError {
                  try await database.reports.execute("SELECT pg_advisory_xact_lock_shared(7)")
                }
              }
            }
            // One of four finds no place; the rest are answered when the lock is free.
            let refused = try await group.next() ?? nil
            #expect(refused == .poolExhausted)
            try await transaction.execute("SELECT pg_advisory_unlock(7)")
            var errors: [PostgresError?] = []
            for try await error in group { errors.append(error) }
            return errors
          }
        }
        #expect(errors == [nil, nil, nil])
        #expect(database.statistics.reportConnections == 1)
      }
    }
  }

  @Test("a report that loses its connection is told so; the next gets another")
  func lost() async throws {
    try await withDatabase("reports") { database in
      async let lost: PostgresError? = postgresError {
        try await database.reports.execute("SELECT pg_sleep(600) /* lost */")
      }
      try await until(isRunning("/* lost */"), in: database)
      try await database.execute(terminate("/* lost */"))
      guard case .connectionLost = await lost else {
        Issue.record("\(String(describing: await lost))")
        return
      }
      #expect(try await database.reports.value("SELECT 1") == 1)
    }
  }

  @Test(
    "behind a proxy a report's settings stay its own",
    .enabled(if: PrivatePgBouncer.isInstalled, "pgbouncer is needed: apt-get install pgbouncer"))
  func proxied() async throws {
    let server = try await PrivatePostgres.shared()
    let bouncer = try await PrivatePgBouncer.start(before: server, serverConnectionsMax: 1)
    let url = bouncer.url(try await server.makeDatabase(named: "reports"))
    try await withDatabase(
      url: url,
      configure: {
        $0.preparedStatements = false
        $0.reportTimeout = .seconds(7)
      }
    ) { database in
      for _ in 0..<3 {
        #expect(try await database.reports.value("SHOW statement_timeout") == "7s")
        #expect(try await database.value("SHOW statement_timeout") == "0")
        try await database.execute("CREATE TABLE IF NOT EXISTS t (n int8)")
      }
    }
  }
}

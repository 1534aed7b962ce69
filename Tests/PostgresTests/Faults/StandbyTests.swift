import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct StandbyTests {
  /// A primary with a table of one column, and a standby that has it too.
  private struct Pair {
    let primary: PrivatePostgres
    let standby: PrivatePostgres
    private let name: Substring

    init() async throws {
      primary = try await .separate()
      let url = try await primary.makeDatabase(named: "pair")
      name = url.split(separator: "/").last ?? ""
      try await withDatabase(url: url) { _ = try await $0.execute("CREATE TABLE t (n int8)") }
      standby = try await primary.standby()
    }

    /// The connection string of the servers, in this order.
    func url(_ servers: PrivatePostgres..., attributes: String = "") -> String {
      let hosts = servers.map { _ in "127.0.0.1" }.joined(separator: ",")
      let ports = servers.map { "\($0.port)" }.joined(separator: ",")
      return "host=\(hosts) port=\(ports) user=shop password=\(primary.password) dbname=\(name) "
        + attributes
    }

    func remove() {
      primary.remove()
      standby.remove()
    }
  }

  @Test(
    "target_session_attrs=read-write finds the primary behind a standby, without a refusal",
    .timeLimit(.minutes(2)))
  func readWrite() async throws {
    let pair = try await Pair()
    defer { pair.remove() }
    let url = pair.url(pair.standby, pair.primary, attributes: "target_session_attrs=read-write")
    try await withDatabase(url: url) { database in
      let written = try await database.execute("INSERT INTO t VALUES (1)")
      let isStandby: Bool? = try await database.value("SELECT pg_is_in_recovery()")
      #expect(written == 1 && isStandby == false)
    }
  }

  @Test(
    "without it a write on a standby is refused (25006), and the next attempt finds the primary",
    .timeLimit(.minutes(2)))
  func anyHost() async throws {
    let pair = try await Pair()
    defer { pair.remove() }
    try await withDatabase(url: pair.url(pair.standby, pair.primary)) { database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        let refusal = await postgresError { try await database.execute("INSERT INTO t VALUES (1)") }
        #expect(refusal?.sqlState == "25006")
        #expect(refusal?.isUnavailability == true)
        while let error = await postgresError({
          _ = try await database.transaction { tx in
            try await tx.execute("INSERT INTO t VALUES (2)")
          }
        }) {
          // In the pause before the next attempt.
          try #require(error == .notSent(reason: "the database server only reads"))
        }
        #expect(try await database.value("WITH found AS (SELECT n FROM t) TABLE found") == 2)
      }
    }
  }

  @Test(
    "a standby alone goes on answering reads after a write was refused", .timeLimit(.minutes(2)))
  func standbyAlone() async throws {
    let pair = try await Pair()
    defer { pair.remove() }
    try await withDatabase(url: pair.url(pair.standby)) { database in
      for _ in 0..<3 {
        #expect(
          await postgresError { try await database.execute("INSERT INTO t VALUES (1)") } != nil)
        #expect(try await database.value("SELECT count(*) FROM t") == 0)
      }
      var count: Int?
      while count == nil {
        do {
          count = try await database.transaction(readOnly: true) { tx in
            try await tx.value("SELECT count(*) FROM t")
          }
        } catch PostgresError.notSent {}  // the pause after the refusal
      }
      #expect(count == 0)
    }
  }

  @Test(
    "who listens on a standby is refused, and the next attempt finds the primary",
    .timeLimit(.minutes(2)))
  func listening() async throws {
    let pair = try await Pair()
    defer { pair.remove() }
    try await withDatabase(url: pair.url(pair.standby, pair.primary)) { database in
      // The first element says that listening has begun.
      var bells = database.listen(to: "bell").makeAsyncIterator()
      await bells.next()
      try await withDatabase(url: pair.url(pair.primary)) { try await $0.notify("bell") }
      #expect(await bells.next() != nil)
    }
  }

  @Test(
    "a transaction that is read-only by its own choice keeps its connection when it writes",
    .timeLimit(.minutes(2)))
  func readOnlyByChoice() async throws {
    try await withDatabase("readonly", configure: { $0.transactionConnectionsPerLoop = 1 }) {
      database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        let pid: SQL = "WITH p AS (SELECT pg_backend_pid()) TABLE p"
        let before: Int? = try await database.value(pid)
        let refusal = await postgresError {
          _ = try await database.transaction(readOnly: true) { tx in
            try await tx.execute("CREATE TABLE t ()")
          }
        }
        #expect(refusal?.sqlState == "25006")
        let after: Int? = try await database.value(pid)
        #expect(before == after)
      }
    }
  }
}

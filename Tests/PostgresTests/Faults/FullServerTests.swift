import Postgres
import TestSupport
import Testing

@Suite struct FullServerTests {
  @Test(
    "while others have all of max_connections, nothing is sent, and nobody waits for room",
    .timeLimit(.minutes(2)))
  func full() async throws {
    let server = try await PrivatePostgres.separate(settings: ["max_connections=12"])
    defer { server.remove() }
    let truth = try await server.makeDatabase(named: "full")
    let url = try await server.makeRole(in: truth).url
    try await withDatabase(url: url) { try await Ledger.makeTable(in: $0) }
    var occupation = try await Occupation(of: truth, by: url)
    try occupation.begin()
    try await withDatabase(url: url) { database in
      let callers = 200
      let errors = await withTaskGroup(of: PostgresError?.self) { group in
        for number in 0..<callers {
          group.addTask {
            await postgresError { try await Self.call(number, of: database) }
          }
        }
        return await group.reduce(into: [PostgresError?]()) { $0.append($1) }
      }
      #expect(errors.count == callers)
      #expect(errors.filter { !Self.isForWantOfRoom($0) } == [])
      #expect(errors.allSatisfy { $0?.isUnavailability == true })
      #expect(database.statistics.waiting == 0)
      occupation.end()
      // By itself, after the pause since the last attempt.
      for loop in loops.loops {
        try await withTaskExecutorPreference(loop) {
          while let error = await postgresError({
            try await database.execute("INSERT INTO ledger VALUES (1, 0)")
          }) {
            guard case .notSent = error else { throw error }
          }
        }
      }
    }
    let written = try await withDatabase(url: truth) { database in
      try await database.value("SELECT count(*) FROM ledger", as: Int.self)
    }
    #expect(written == loops.loops.count)
  }

  /// Whether it is not sent, with the server's words for 53300, of which libpq does not tell the code: there
  /// is room for superusers alone, or none while others are being turned away.
  private static func isForWantOfRoom(_ error: PostgresError?) -> Bool {
    guard case .notSent(let reason) = error else { return false }
    return ["connection slots are reserved", "too many clients already"].contains {
      reason.contains($0)
    }
  }

  /// A read, or a transaction that writes.
  private static func call(_ number: Int, of database: Database) async throws {
    guard number.isMultiple(of: 2) else {
      try await database.execute("SELECT \(number)")
      return
    }
    _ = try await database.transaction { tx in
      try await tx.execute("INSERT INTO ledger VALUES (\(number), 0)")
    }
  }
}

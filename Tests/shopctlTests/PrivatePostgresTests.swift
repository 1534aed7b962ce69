import Foundation
import Testing

@testable import shopctl

struct PrivatePostgresTests {
  @Test("a data directory of another major version is refused with both versions and the ways out")
  func otherVersion() async throws {
    let temporary = try TemporaryState()
    let programs = try await PostgresPrograms.find()
    let database = PrivatePostgres(
      programs: programs, folder: temporary.state.databasePath, port: 1, password: "x")
    try StateDirectory.makeFolder(database.dataPath, mode: 0o700)
    try PrivateFile.write(Data("9\n".utf8), to: database.dataPath + "/PG_VERSION")
    let trouble = try await #require(throws: Trouble.self) { try await database.create() }
    #expect(
      trouble.cause
        == "the data directory was made by PostgreSQL 9, and this is PostgreSQL \(programs.major).")
    #expect(trouble.next.contains { $0.contains("--data-dir") })
  }
}

import EventLoops
import Postgres
import TestSupport
import Testing

let loops = EventLoopGroup(count: 2)

@Suite struct DatabaseTests {
  @Test("a value comes back as it was bound")
  func roundTrip() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "types")
    let database = Database(try DatabaseConfiguration(url: url), group: loops)
    let number: Int? = try await database.value("SELECT \(41) + 1")
    #expect(number == 42)
    await database.close()
  }
}

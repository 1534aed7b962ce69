import Foundation
import Postgres
import TestSupport
import Testing

@testable import shopctl

struct ServiceCommandsTests {
  @Test("tables are emptied where events come from before where they are read")
  func sourcesFirst() throws {
    let order = ServiceEntry.sourcesFirst.map(\.short)
    #expect(order.sorted() == ServiceEntry.all.map(\.short).sorted())
    func place(_ short: String) throws -> Int { try #require(order.firstIndex(of: short)) }
    #expect(try place("payment") < place("order"))
    for source in ["product", "user", "payment", "order"] {
      #expect(try place(source) < place("notification"))
    }
  }

  @Test("the provider simulator forgets its charges, and keeps its tables")
  func simulator() async throws {
    let temporary = try TemporaryState()
    let url = try await TestSupport.PrivatePostgres.separate().makeDatabase(named: "reset")
    let admin = AdminSession(url: try DatabaseURL(url, setting: "test"))
    let passwords = try DatabasePasswords.open(
      at: temporary.state.passwordsPath, roles: Roles.names)
    try await Roles(admin: admin, passwords: passwords).create()
    let simulator = AdminSession(
      url: admin.url.with(user: Roles.simulator, password: passwords[Roles.simulator]))
    try await simulator.run([Roles.emptyingSimulator])
    try await simulator.run([
      "CREATE TABLE sim.charges (id int PRIMARY KEY)",
      "CREATE TABLE sim.keys (charge int REFERENCES sim.charges)",
      "CREATE TABLE sim.schema_migrations (name text)",
      "INSERT INTO sim.charges VALUES (1)", "INSERT INTO sim.keys VALUES (1)",
      "INSERT INTO sim.schema_migrations VALUES ('0001')",
    ])
    try await simulator.run([Roles.emptyingSimulator])
    let left = try await admin.value(
      """
      SELECT concat_ws(' ', (SELECT count(*) FROM sim.charges), (SELECT count(*) FROM sim.keys),
        (SELECT count(*) FROM sim.schema_migrations))
      """)
    #expect(left == "0 0 1")
  }
}

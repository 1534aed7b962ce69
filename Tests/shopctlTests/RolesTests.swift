import EventLoops
import Foundation
import Postgres
import TestSupport
import Testing

@testable import shopctl

struct RolesTests {
  @Test("a service's role sees its own schema alone, the auditor all of them, and twice is as once")
  func separation() async throws {
    let temporary = try TemporaryState()
    // Roles belong to the whole server, and other tests know theirs by other passwords.
    let url = try await TestSupport.PrivatePostgres.separate().makeDatabase(named: "roles")
    let admin = AdminSession(url: try DatabaseURL(url, setting: "test"))
    let passwords = try DatabasePasswords.open(
      at: temporary.state.passwordsPath, roles: Roles.names)
    let roles = Roles(admin: admin, passwords: passwords)
    try await roles.create()
    try await roles.create()

    func session(_ role: String) -> AdminSession {
      AdminSession(url: admin.url.with(user: role, password: passwords[role]))
    }
    try await session("order_owner").run([
      "CREATE TABLE orders.orders (id int)", "GRANT SELECT ON orders.orders TO order_app",
    ])
    let count: SQL = "SELECT count(*)::text FROM orders.orders"
    #expect(try await session("order_app").value(count) == "0")
    #expect(try await session("auditor").value(count) == "0")
    for role in ["product_app", "payment_app", "payment_owner", "psp_sim"] {
      let trouble = await #expect(throws: Trouble.self) { try await session(role).value(count) }
      #expect(trouble?.evidence.last == "permission denied for schema orders (42501)")
    }
    await #expect(throws: Trouble.self) {
      try await session("order_app").run(["CREATE TABLE orders.more (id int)"])
    }
    #expect(try await session("order_app").value("SHOW lock_timeout") == "2s")
    #expect(try await session("order_app").value("SHOW jit") == "off")
    #expect(try await session("psp_sim").value("SHOW jit") == "off")
    #expect(try await session("order_app").value("SHOW search_path") == "orders")
  }
}

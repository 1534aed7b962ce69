import Postgres
import TestSupport
import Testing

@Suite struct MigratorTests {
  private let first = Migration(
    "0001-first", "CREATE TABLE a (id int8); INSERT INTO a VALUES (1), (2);")
  private let second = Migration("0002-second", "ALTER TABLE a ADD COLUMN b text")

  @Test("migrations run once, in order, in their schema, and are recorded")
  func once() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "migrated")
    #expect(try await Migrator.run([first], schema: "shop", on: url) == ["0001-first"])
    let database = Database(try DatabaseConfiguration(url: url), group: loops)
    #expect(
      try await Migrator.pending([first, second], schema: "shop", in: database) == ["0002-second"])
    #expect(try await Migrator.run([first, second], schema: "shop", on: url) == ["0002-second"])
    #expect(try await Migrator.run([first, second], schema: "shop", on: url) == [])
    #expect(try await database.value("SELECT count(b IS NULL) FROM shop.a") == 2)
    await database.close()
  }

  @Test("of concurrent runs each migration is applied by one")
  func concurrent() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "concurrent")
    let migrations = [first, second]
    let applied = try await withThrowingTaskGroup(of: [String].self) { group in
      for _ in 0..<4 {
        group.addTask { try await Migrator.run(migrations, schema: "shop", on: url) }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(applied == ["0001-first", "0002-second"])
  }

  @Test("a changed, a vanished and a repeated migration are refused")
  func history() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "history")
    try await Migrator.run([first], schema: "shop", on: url)
    let changed = Migration("0001-first", "CREATE TABLE a (id int4)")
    await #expect(throws: MigrationError.changed("0001-first")) {
      try await Migrator.run([changed, second], schema: "shop", on: url)
    }
    await #expect(throws: MigrationError.missing("0001-first")) {
      try await Migrator.run([second], schema: "shop", on: url)
    }
    await #expect(throws: MigrationError.duplicate("0002-second")) {
      try await Migrator.run([first, second, second], schema: "shop", on: url)
    }
  }

  @Test("a migration that fails leaves nothing, and those before it stay")
  func failure() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "failed")
    let bad = Migration(
      "0002-bad", "CREATE TABLE b (id int8); SELECT 1/0; CREATE TABLE c (id int8)")
    do {
      try await Migrator.run([first, bad], schema: "shop", on: url)
      Issue.record("the migration was said to have succeeded")
    } catch MigrationError.failed(let name, let error) {
      #expect(name == "0002-bad")
      #expect(error.sqlState == "22012")
    }
    let leaving = Migration("0002-leaving", "CREATE TABLE b (id int8); COMMIT")
    await #expect(throws: MigrationError.self) {
      try await Migrator.run([first, leaving], schema: "shop", on: url)
    }
    let database = Database(try DatabaseConfiguration(url: url), group: loops)
    #expect(
      try await database.values("SELECT name FROM shop.schema_migrations") == ["0001-first"])
    await database.close()
  }

  @Test("a schema's owner migrates without the right to create schemas")
  func asOwner() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "owned")
    let database = Database(try DatabaseConfiguration(url: url), group: loops)
    try await database.execute("CREATE ROLE migrator_test_owner LOGIN PASSWORD \(literal: "p'w")")
    try await database.execute("CREATE SCHEMA shop AUTHORIZATION migrator_test_owner")
    await database.close()
    let ownerURL = server.url(url, user: "migrator_test_owner", password: "p%27w")
    #expect(try await Migrator.run([first], schema: "shop", on: ownerURL) == ["0001-first"])
    #expect(
      try await Migrator.run([first, second], schema: "shop", on: ownerURL) == ["0002-second"])
  }
}

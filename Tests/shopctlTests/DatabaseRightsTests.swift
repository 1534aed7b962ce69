import Postgres
import Testing

@testable import shopctl

/// What the database's roles may do in a shop that has just been set up: looked up in the catalogue, and
/// tried.
struct DatabaseRightsTests {
  private static let refused = "42501"

  @Test("no role reads a table of a schema that is not its own: each table is tried as each role")
  func reading() async throws {
    let shop = try await MigratedShop.shared()
    var tried = 0
    let tables = try await shop.tables()
    #expect(Set(tables.map(\.schema)) == Set(MigratedShop.schemas))
    for role in MigratedShop.roles {
      try await shop.withDatabase(as: role) { database in
        for table in tables {
          let state = await sqlState {
            try await database.execute("SELECT count(*) FROM \(table.name)")
          }
          let mayRead = role.schema == nil || role.schema == table.schema
          #expect(state == (mayRead ? nil : Self.refused), "\(role.name) reads \(table)")
          tried += 1
        }
      }
    }
    let (pairs, readable) = try await shop.withDatabase { database in
      try #require(
        try await database.first(
          """
          SELECT count(*), count(*) FILTER (
            WHERE has_schema_privilege(r.oid, n.oid, 'USAGE')
              AND has_any_column_privilege(r.oid, c.oid, 'SELECT'))
          FROM pg_roles r CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE r.rolname = ANY(\(MigratedShop.roles.map(\.name)))
            AND n.nspname = ANY(\(MigratedShop.schemas)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          """
        ) { (try $0.next(as: Int.self), try $0.next(as: Int.self)) })
    }
    #expect(tried == pairs)
    // The application's and the owner's own ones (sim has but an owner), and the auditor's.
    let simulated = tables.count { $0.schema == Roles.simulatorSchema }
    #expect(readable == tables.count * 3 - simulated)
    print("\(tried) pairs of role and table tried, \(tried - readable) of them refused")
  }

  @Test(
    "a role uses its own schema alone, creates nothing unless that is its own, and owns no more")
  func creating() async throws {
    let shop = try await MigratedShop.shared()
    for role in MigratedShop.roles {
      let (used, creatable, owned) = try await shop.withDatabase { database in
        func schemas(where condition: SQL) async throws -> [String] {
          try await database.values(
            """
            SELECT nspname::text FROM pg_namespace n, pg_roles r
            WHERE rolname = \(role.name) AND \(condition) ORDER BY 1
            """)
        }
        // Everyone may look at what is in pg_catalog and information_schema; pg_toast has the long values of
        // tables, which belong to their owners.
        return (
          try await schemas(
            where: """
              has_schema_privilege(r.oid, n.oid, 'USAGE')
                AND nspname NOT IN ('pg_catalog', 'information_schema')
              """),
          try await schemas(where: "has_schema_privilege(r.oid, n.oid, 'CREATE')"),
          try await schemas(
            where: """
              nspname <> 'pg_toast' AND (n.nspowner = r.oid
                OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner = r.oid)
                OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proowner = r.oid))
              """)
        )
      }
      #expect(used == (role.schema.map { [$0] } ?? MigratedShop.schemas.sorted()), "\(role.name)")
      let own = role.isOwner ? [role.schema].compactMap(\.self) : []
      #expect(creatable == own, "\(role.name)")
      #expect(owned == own, "\(role.name)")
      try await shop.withDatabase(as: role) { database in
        let foreign = (MigratedShop.schemas + ["public"]).filter { !own.contains($0) }
        let tables = foreign.map { "CREATE TABLE \(identifier: $0).more (n int)" as SQL }
        for statement in tables + ["CREATE SCHEMA more", "CREATE TEMPORARY TABLE more (n int)"] {
          let state = await sqlState {
            try await database.transaction { tx in
              // The auditor's begin read-only, which would be the reason then.
              try await tx.execute("SET TRANSACTION READ WRITE")
              return try await tx.execute(statement)
            }
          }
          #expect(state == Self.refused, "\(role.name): \(statement)")
        }
      }
    }
  }

  @Test("no role has power over the server, over the database, or over another role")
  func power() async throws {
    let names = MigratedShop.roles.map(\.name)
    try await MigratedShop.shared().withDatabase { database in
      let ordinary: Int? = try await database.value(
        """
        SELECT count(*) FROM pg_roles WHERE rolname = ANY(\(names)) AND rolcanlogin
          AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)
        """)
      #expect(ordinary == names.count)
      #expect(
        try await database.values(
          """
          SELECT rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
          WHERE rolname = ANY(\(names))
          """) == [String]())
      // Whatever it is, in whichever database: schemas and what is in them, databases, tablespaces.
      #expect(
        try await database.values(
          """
          SELECT DISTINCT rolname::text FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
          WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND rolname = ANY(\(names))
          ORDER BY 1
          """) == MigratedShop.roles.filter(\.isOwner).map(\.name).sorted())
      #expect(
        try await database.values(
          """
          SELECT rolname::text || ' ' || privilege FROM pg_roles r,
            unnest(ARRAY['CREATE', 'TEMPORARY']) AS privilege
          WHERE rolname = ANY(\(names))
            AND has_database_privilege(r.oid, current_database(), privilege)
          """) == [String]())
      // Not even to empty a table, or to tie another's rows to it.
      let applications = ServiceEntry.all.map(\.applicationRole)
      #expect(
        try await database.values(
          """
          SELECT rolname::text || ' ' || c.oid::regclass::text FROM pg_roles r, pg_class c
          WHERE rolname = ANY(\(applications)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_table_privilege(r.oid, c.oid, 'TRUNCATE, REFERENCES, TRIGGER')
          """) == [String]())
    }
  }

  /// What is only ever added to, by schema: beside each service's audit log.
  private static let appendOnly = [
    "product": ["stock_movements"],
    "orders": [
      "order_commands", "order_history", "refund_lines", "shipment_lines",
    ],
    "users": [],
    "payment": ["ledger_accounts", "ledger_entries", "ledger_journals", "provider_events"],
    "notification": [],
  ]

  @Test(
    "what was written into an append-only table stays: UPDATE, DELETE and TRUNCATE are refused",
    arguments: ServiceEntry.all.map(\.short))
  func appending(service: String) async throws {
    let shop = try await MigratedShop.shared()
    let entry = try #require(ServiceEntry.find(service))
    let role = try #require(MigratedShop.roles.first { $0.name == entry.applicationRole })
    let tables = try await shop.tables().filter { $0.schema == entry.schema }
    let names = try #require(Self.appendOnly[entry.schema]) + ["audit_log"]
    // No other table is, so that what is missing from the list above shows.
    #expect(tables.filter(\.isAppendOnly).map(\.table) == names.sorted())
    try await shop.withDatabase(as: role) { database in
      for table in tables where names.contains(table.table) {
        // The role may insert: it is the row that lacks something (23502).
        #expect(
          await sqlState { try await database.execute("INSERT INTO \(table.name) DEFAULT VALUES") }
            == "23502", "\(table)")
        #expect(!table.columns.isEmpty)
        for column in table.columns {
          #expect(
            await sqlState {
              try await database.execute(
                "UPDATE \(table.name) SET \(identifier: column) = \(identifier: column)")
            } == Self.refused, "\(table).\(column)")
        }
        for statement: SQL in ["DELETE FROM \(table.name)", "TRUNCATE \(table.name)"] {
          #expect(
            await sqlState { try await database.execute(statement) } == Self.refused, "\(table)")
        }
      }
    }
  }
}

/// A table of the shop, or what is like one.
private struct ShopTable: CustomStringConvertible {
  let schema: String
  let table: String
  /// Those that a statement can set: no identity and nothing generated.
  let columns: [String]
  /// Whether its service may insert, and not change or delete.
  let isAppendOnly: Bool

  var name: SQL { "\(identifier: schema).\(identifier: table)" }
  var description: String { "\(schema).\(table)" }
}

extension MigratedShop {
  /// All tables and views outside of PostgreSQL's own schemas.
  fileprivate func tables() async throws -> [ShopTable] {
    let roles = ServiceEntry.all.map(\.applicationRole)
    let schemas = ServiceEntry.all.map(\.schema)
    return try await withDatabase { database in
      try await database.query(
        """
        SELECT n.nspname::text, c.relname::text,
          ARRAY(SELECT a.attname::text FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND a.attidentity <> 'a' AND a.attgenerated = '' ORDER BY a.attnum),
          coalesce(
            has_table_privilege(service.role::name, c.oid, 'INSERT')
              AND NOT has_any_column_privilege(service.role::name, c.oid, 'UPDATE')
              AND NOT has_table_privilege(service.role::name, c.oid, 'DELETE, TRUNCATE'), false)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN unnest(\(roles), \(schemas)) AS service (role, schema) ON service.schema = n.nspname
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
        ORDER BY 1, 2
        """
      ) { row in
        ShopTable(
          schema: try row.next(as: String.self), table: try row.next(as: String.self),
          columns: try row.next(as: [String].self), isAppendOnly: try row.next(as: Bool.self))
      }
    }
  }
}

/// What the server refused `body` with; nil if it did not.
private func sqlState(_ body: () async throws -> Int) async -> String? {
  do {
    _ = try await body()
    return nil
  } catch {
    return (error as? PostgresError)?.sqlState ?? "\(error)"
  }
}

import EventLoops
import Glibc
import Postgres
import SharedKernel
import Synchronization
import TestSupport
import Testing

@testable import Products

@Suite("The catalogue's changes", .timeLimit(.minutes(5)))
struct CatalogueChangesTests {
  private static let loops = EventLoopGroup(count: 2)

  private final class Writers: Sendable {
    /// Of each product the least versions that have to be shown.
    let committed = Mutex([Int: (product: Int, stock: Int)]())
    let areDone = Atomic(false)
  }

  /// A product of one variant, and a catalogue that keeps it.
  private struct Kept {
    let bench: ProductsBench
    let catalogue: CatalogueRepository
    let id: Int

    init(on server: PrivatePostgres? = nil) async throws {
      bench = try await ProductsBench(on: server)
      id = try await bench.make("First", #","initialStock":5"#).id
      catalogue = CatalogueRepository(
        database: bench.database, cache: CatalogueCache(bytesMax: 1 << 20))
      #expect(try await stock() == 5)
    }

    /// What the catalogue shows; nil where there is no such product.
    func stock() async throws -> Int? {
      let entry = try await catalogue.product(id, currency: .usd, hiddenToo: false)
      guard let entry else { return nil }
      let text = String(decoding: entry.json, as: UTF8.self)
      return text.firstMatch(of: #/"available":(\d+)/#).flatMap { Int($0.1) }
    }
  }

  @Test("a change is seen by whoever asks after its commit, whatever is read meanwhile")
  func neverStale() async throws {
    let bench = try await ProductsBench()
    let database = try await bench.open(on: Self.loops)
    for number in 0..<4 { try await bench.make("Product \(number)", #","initialStock":1"#) }
    let ids = try await bench.database.values("SELECT id FROM products ORDER BY id", as: Int.self)
    let catalogue = CatalogueRepository(
      database: database, cache: CatalogueCache(bytesMax: 1 << 20))
    let everything = try everything(.usd)
    let writers = Writers()
    try await withThrowingTaskGroup(of: Int.self) { group in
      for (position, id) in ids.enumerated() {
        group.addTask {
          for change in 1...150 {
            let versions = try await bench.database.transaction { transaction in
              let stock = try await transaction.value(
                """
                UPDATE stock SET on_hand = on_hand + 1, version = version + 1
                WHERE variant_id = (SELECT default_variant_id FROM products WHERE id = \(id))
                RETURNING version
                """, as: Int.self)
              // Their numbers in another order than their commits.
              if (change + position) % 3 == 0 { try await Task.sleep(for: .milliseconds(3)) }
              let product = try await transaction.value(
                """
                UPDATE products SET version = version + \(change % 2) WHERE id = \(id)
                RETURNING version
                """, as: Int.self)
              return (product: product ?? 0, stock: stock ?? 0)
            }
            writers.committed.withLock { $0[id] = versions }
          }
          return 0
        }
      }
      for (number, loop) in (Self.loops.loops + Self.loops.loops).enumerated() {
        group.addTask(executorPreference: loop) {
          var looks = 0
          while !writers.areDone.load(ordering: .relaxed) {
            let id = ids[(looks + number) % ids.count]
            let least = writers.committed.withLock { $0[id] ?? (1, 1) }
            let entry = try await catalogue.product(id, currency: .usd, hiddenToo: false)
            #expect(try #require(entry).stockVersion >= least.stock)
            #expect(try #require(entry).version >= least.product)
            looks += 1
          }
          return looks
        }
        group.addTask(executorPreference: loop) {
          var looks = 0
          while !writers.areDone.load(ordering: .relaxed) {
            let least = writers.committed.withLock { all in ids.map { all[$0]?.product ?? 1 } }
            let page = try await catalogue.page(everything).json
            let versions = String(decoding: page, as: UTF8.self).matches(of: #/"version":(\d+)/#)
              .compactMap { Int($0.1) }
            #expect(versions.count == ids.count)
            #expect(zip(versions, least).allSatisfy { $0 >= $1 })
            looks += 1
          }
          return looks
        }
      }
      for _ in ids { _ = try await group.next() }
      writers.areDone.store(true, ordering: .relaxed)
      for try await looks in group { #expect(looks > 10) }
    }
    await database.close()
  }

  @Test("a change is seen when a transaction that began early commits late")
  func lateCommit() async throws {
    let kept = try await Kept()
    let database = kept.bench.database
    try await database.transaction { early in
      try await early.execute("UPDATE stock SET on_hand = 6")
      // Others begin and end meanwhile, and are seen.
      for _ in 0..<3 {
        try await database.execute("UPDATE products SET description = description || 'x'")
        #expect(try await kept.stock() == 5)
      }
    }
    #expect(try await kept.stock() == 6)
  }

  @Test("a change that is rolled back is none")
  func rolledBack() async throws {
    struct Rollback: Error {}
    let kept = try await Kept()
    await #expect(throws: Rollback.self) {
      try await kept.bench.database.transaction { transaction in
        try await transaction.execute("UPDATE stock SET on_hand = 6")
        throw Rollback()
      }
    }
    #expect(try await kept.stock() == 5)
  }

  @Test("more changes at once than are told one by one are seen")
  func many() async throws {
    let kept = try await Kept()
    let admin = try await kept.bench.asOwner()
    try await admin.execute(
      """
      INSERT INTO products (name, slug, status)
      SELECT 'Many', 'many-' || i, 'active' FROM generate_series(1, 1500) AS i
      """)
    try await admin.execute("UPDATE stock SET on_hand = 8")
    #expect(try await kept.stock() == 8)
    await admin.close()
  }

  @Test(
    "who writes past the triggers of the mirrors is heard of",
    arguments: [
      ["UPDATE stock SET on_hand = 7"], ["UPDATE variants SET name = 'Other'"],
      ["UPDATE variant_prices SET amount = 777"], ["DELETE FROM variant_prices"],
      [
        """
        UPDATE variants SET product_id = (SELECT max(id) FROM products),
          options = jsonb_build_object('of', id)
        """
      ],
      ["UPDATE products SET description = 'Other'"], ["UPDATE products SET status = 'archived'"],
      ["INSERT INTO variant_prices SELECT id, 'JPY', 5 FROM variants"],
      ["TRUNCATE variant_prices"], ["TRUNCATE stock"],
      ["UPDATE stock SET on_hand = 7", "TRUNCATE catalogue_changes"],
    ] as [[SQL]])
  func replicaMode(changes: [SQL]) async throws {
    let kept = try await Kept()
    try await kept.bench.make("Second")
    let plain = CatalogueRepository(database: kept.bench.database, cache: nil)
    let currencies = [Currency.usd, .jpy]
    for currency in currencies {
      _ = try await kept.catalogue.product(kept.id, currency: currency, hiddenToo: false)
      _ = try await kept.catalogue.page(everything(currency))
    }
    let admin = try await kept.bench.asOwner()
    try await admin.transaction { transaction in
      try await transaction.execute("SET LOCAL session_replication_role = replica")
      for change in changes { try await transaction.execute(change) }
    }
    for currency in currencies {
      let shown = try await kept.catalogue.product(kept.id, currency: currency, hiddenToo: false)
      let expected = try await plain.product(kept.id, currency: currency, hiddenToo: false)
      #expect(shown?.json == expected?.json)
      #expect(
        try await kept.catalogue.page(everything(currency)).json
          == plain.page(everything(currency)).json)
    }
    await admin.close()
  }

  private func everything(_ currency: Currency) throws -> ProductQuery {
    try ProductQuery(
      text: nil, category: nil, ids: nil, slug: nil, currency: currency, status: nil,
      page: PageRequest(limit: 10, after: nil))
  }

  @Test("more single changes than are told one by one are seen")
  func manySingle() async throws {
    let kept = try await Kept()
    let admin = try await kept.bench.asOwner()
    try await admin.execute("ALTER TABLE stock DISABLE TRIGGER USER")
    try await admin.execute("UPDATE stock SET on_hand = 8")
    try await admin.execute(
      """
      INSERT INTO catalogue_changes (product_id, in_lists)
      SELECT 1000000 + i, true FROM generate_series(1, 1001) AS i
      """)
    #expect(try await kept.stock() == 8)
    await admin.close()
  }

  @Test("a run that came with a dump is another server's")
  func dumped() async throws {
    let kept = try await Kept()
    let admin = try await kept.bench.asOwner()
    try await admin.execute("ALTER TABLE stock DISABLE TRIGGER USER")
    try await admin.execute("UPDATE stock SET on_hand = 8")
    #expect(try await kept.stock() == 5)
    try await admin.execute("UPDATE catalogue_run SET place = 'elsewhere', pruned = '999999999999'")
    #expect(try await kept.stock() == 8)
    #expect(try await admin.value("SELECT pruned::text FROM catalogue_run") == "0")
    await admin.close()
  }

  @Test("a number that is too large for a product is nobody's, whatever is kept")
  func largeNumbers() async throws {
    let kept = try await Kept()
    for id in [kept.id + 1 << 40, kept.id - 1 << 40, kept.id + 1 << 32, -kept.id] {
      #expect(try await kept.catalogue.product(id, currency: .usd, hiddenToo: false) == nil)
    }
  }

  @Test("an emptied catalogue is empty")
  func truncated() async throws {
    let kept = try await Kept()
    let admin = try await kept.bench.asOwner()
    // As `seed --reset` does.
    try await admin.execute("TRUNCATE products, stock, catalogue_changes CASCADE")
    #expect(try await kept.stock() == nil)
    await admin.close()
  }

  /// Tries until the answer is yes: a server that recovers gives none.
  private func untilAnswered(_ isSo: () async throws -> Bool) async throws {
    while true {
      do { if try await isSo() { return } } catch let error as PostgresError {
        #expect(error.isUnavailability, "\(error)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test("a server that has crashed is taken for one that has lost changes")
  func crash() async throws {
    let server = try await PrivatePostgres.separate(settings: ["synchronous_commit=on"])
    let kept = try await Kept(on: server)
    let admin = try await kept.bench.asOwner()
    try await admin.execute("UPDATE stock SET on_hand = 9")
    // The change, but not that it is told: as if its transaction's number had been given away again.
    try await admin.execute("DELETE FROM catalogue_changes")
    #expect(try await kept.stock() == 5)
    let victim: Int = try #require(
      try await admin.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"))
    #expect(kill(pid_t(victim), SIGKILL) == 0)
    try await untilAnswered { try await admin.value("SELECT count(*) FROM catalogue_run") == 0 }
    #expect(try await kept.stock() == 9)
    await admin.close()
    server.remove()
  }

  @Test(
    "changes are deleted when they are old, and who has not heard of them takes all for changed")
  func pruned() async throws {
    let kept = try await Kept()
    let database = kept.bench.database
    let pruner = CatalogueChangePruner(database: database)
    let late = CatalogueRepository(
      database: database, cache: CatalogueCache(bytesMax: 1 << 20))
    func lateStock() async throws -> Bool? {
      try await late.product(kept.id, currency: .usd, hiddenToo: false).map {
        String(decoding: $0.json, as: UTF8.self).contains(#""available":7"#)
      }
    }
    #expect(try await lateStock() == false)
    try await database.execute("UPDATE stock SET on_hand = 7")
    #expect(try await kept.stock() == 7)
    let run = try #require(try await pruner.mark()).run
    // Tests of other databases have transactions under way: not what `mark` found.
    let next: String? = try await database.value(
      "SELECT (xid::text::bigint + 1)::text FROM catalogue_changes ORDER BY xid DESC LIMIT 1")
    try await database.execute("UPDATE products SET description = 'Other'")
    let count: SQL = "SELECT count(*) FROM catalogue_changes"
    #expect(try await database.value(count, as: Int.self) ?? 0 > 1)
    let mark = CatalogueChangePruner.Mark(run: run, oldest: try #require(next))
    try await pruner.prune(before: CatalogueChangePruner.Mark(run: "another", oldest: mark.oldest))
    #expect(try await database.value(count, as: Int.self) ?? 0 > 1)
    try await pruner.prune(before: mark)
    #expect(try await database.value(count) == 1)
    #expect(try await lateStock() == true)
    #expect(try await kept.stock() == 7)
  }

  @Test("the changes since a snapshot are found by their index", arguments: [0, 100_000])
  func plan(changes: Int) async throws {
    let bench = try await ProductsBench()
    let admin = try await bench.asOwner()
    try await admin.execute(
      """
      INSERT INTO catalogue_changes (xid, product_id, in_lists)
      SELECT i::text::xid8, 1, true FROM generate_series(1, \(changes)) AS i
      """)
    if changes > 0 { try await admin.execute("ANALYZE catalogue_changes") }
    let question = CatalogueChanges.question(since: SeenChanges.Snapshot("99000:99999:99000,99001"))
    let plan = try await admin.transaction { transaction in
      try await transaction.execute("SET LOCAL plan_cache_mode = force_generic_plan")
      return try await transaction.values("EXPLAIN \(question)", as: String.self)
    }
    #expect(!plan.contains { $0.contains("Seq Scan on catalogue_changes") }, "\(plan)")
    #expect(plan.count { $0.contains("catalogue_changes_xid") } == 2)
    await admin.close()
  }
}

import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

@Suite("The outbox and its sequencer", .timeLimit(.minutes(5)))
struct SequencerTests {
  private struct Undone: Error {}

  private func positions(_ bench: KitBench) async throws -> [Int64?] {
    try await bench.database.query("SELECT position FROM outbox ORDER BY position NULLS LAST") {
      try $0.next(as: Int64?.self)
    }
  }

  @Test("an event is there with the change it tells of, or not at all; the undone leave no gap")
  func rolledBack() async throws {
    let bench = try await KitBench()
    for index in 0..<6 {
      do {
        try await bench.database.transaction { transaction in
          try await KitBench.note("\(index)", in: transaction)
          try await bench.outbox.append(
            EventDraft(type: "thing.made", subject: "\(index)", version: 1, data: [index]),
            in: transaction)
          if index % 2 == 1 { throw Undone() }
        }
      } catch is Undone {}
    }
    #expect(try await bench.sequencer.number() == 3)
    #expect(try await positions(bench) == [1, 2, 3])
    #expect(try await bench.effects() == ["0", "2", "4"])
    #expect(try await bench.sequencer.number() == 0)
  }

  @Test("sequencers that run at once give every event one position, without a gap")
  func together() async throws {
    let bench = try await KitBench()
    let count = 1200
    try await bench.database.execute(
      """
      INSERT INTO outbox (event_id, type, subject, version, data)
      SELECT gen_random_uuid(), 'thing.made', n::text, 1, '{}'
      FROM generate_series(1, \(count)) AS n
      """)
    let numbered = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<3 {
        group.addTask {
          // Each has a signal of its own, as in processes apart.
          let sequencer = Sequencer(
            database: bench.database, signal: FeedSignal(), bell: bench.bell)
          var total = 0
          while case let some = try await sequencer.number(), some > 0 { total += some }
          return total
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(numbered == count)
    #expect(try await positions(bench) == (1...Int64(count)).map { $0 })
    let head: Int64? = try await bench.database.value("SELECT position FROM feed_head")
    #expect(head == Int64(count))
    // Within the feed they keep the order in which they were inserted.
    let order: [Int64] = try await bench.database.values("SELECT id FROM outbox ORDER BY position")
    #expect(order == order.sorted())
  }

  @Test("sequencers that waited for the counter number each event once, whoever comes first")
  func waited() async throws {
    let bench = try await KitBench()
    for index in 1...3 { try await bench.append("thing.made", subject: "\(index)") }
    let waiting = try await bench.database.transaction { transaction in
      try await transaction.execute("SELECT position FROM feed_head FOR UPDATE")
      let waiting = (0..<2).map { _ in Task { try await bench.sequencer.number() } }
      // Both have begun to look while nothing was numbered; only then the counter is free.
      while try await bench.database.value(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
        """, as: Int.self) != 2
      {}
      return waiting
    }
    var numbered = 0
    for sequencer in waiting { numbered += try await sequencer.value }
    #expect(numbered == 3)
    #expect(try await positions(bench) == [1, 2, 3])
    #expect(try await bench.database.value("SELECT position FROM feed_head") == 3)
  }

  @Test("writers and sequencers at once lose no event and number none twice")
  func underWrites() async throws {
    let bench = try await KitBench()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<4 {
        group.addTask {
          for index in 0..<15 {
            try await bench.append("thing.made", subject: "\(writer)-\(index)")
          }
        }
      }
      for _ in 0..<2 {
        group.addTask { for _ in 0..<15 { _ = try await bench.sequencer.number() } }
      }
      try await group.waitForAll()
    }
    _ = try await bench.sequencer.number()
    #expect(try await positions(bench) == (1...60).map { Int64($0) })
  }

  @Test("other processes are told of all that is numbered, but not of each alone")
  func coalesces() async throws {
    let bench = try await KitBench()
    let replica = try bench.replica()
    let hearing = Task { await replica.bell.listen() }
    while replica.signal.count(.numbered) == 0 { try await Task.sleep(for: .milliseconds(1)) }
    let start = ContinuousClock.now
    let numbering = Task(executorPreference: KitBench.loops.preferred) {
      try await bench.sequencer.run()
    }
    for index in 1...60 { try await bench.append("thing.made", subject: "\(index)") }
    var seen: Int64? = 0
    while seen != 60 {
      let count = replica.signal.count(.numbered)
      seen = try await replica.database.value("SELECT position FROM feed_head")
      // After the last of them comes another hint.
      while seen != 60, replica.signal.count(.numbered) == count {
        try await Task.sleep(for: .milliseconds(1))
      }
    }
    numbering.cancel()
    hearing.cancel()
    let hints = Int(replica.signal.count(.numbered))
    let intervals = Int(start.duration(to: .now) / FeedBell.interval)
    #expect(hints <= 1 + 1 + intervals, "listening has begun; at once; after each interval")
  }

  @Test("an event keeps the trace of the request that it came of")
  func trace() async throws {
    let bench = try await KitBench()
    let trace = TraceContext.root()
    try await RequestScope.$current.withValue(RequestScope(requestID: "request-1", trace: trace)) {
      try await bench.append("thing.made")
    }
    let kept: String? = try await bench.database.value("SELECT traceparent FROM outbox")
    #expect(kept == trace.traceparent)
  }
}

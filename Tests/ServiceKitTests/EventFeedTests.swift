import CoreHTTP
import HTTPMessages
import JSONSyntax
import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

@Suite("The event feed", .timeLimit(.minutes(5)))
struct EventFeedTests {
  /// For questions that are refused.
  private static let refusing = Task { try await KitBench() }

  private func router(_ bench: KitBench, pollInterval: Duration = .seconds(1)) -> Router {
    var feed = bench.feed
    feed.pollInterval = pollInterval
    return bench.router { routes in
      routes.get("/internal/events", access: .services(["reader"])) { [feed] call in
        try await feed.answer(call)
      }
    }
  }

  private func read(_ router: Router, _ query: String) async throws -> HTTPResponse {
    try await router.send(.get, "/internal/events?\(query)", as: "reader")
  }

  private func subjects(_ response: HTTPResponse) throws -> [String] {
    guard case .array(let events) = try JSONParser.parse(response.body) else { return ["no array"] }
    return events.map { $0["subject"]?.textValue ?? "" }
  }

  @Test("an event is told as a CloudEvent")
  func envelope() async throws {
    let bench = try await KitBench()
    try await bench.append("thing.made", subject: "a\"b", version: 7)
    _ = try await bench.sequencer.number()
    let response = try await read(router(bench), "after=0")
    #expect(response.status == .ok)
    #expect(response.fields[.contentType] == "application/cloudevents-batch+json")
    #expect(response.fields["X-Next-Position"] == "1")
    #expect(response.fields["X-Head-Position"] == "1")
    guard case .array(let events) = try JSONParser.parse(response.body), let event = events.first
    else {
      Issue.record("no event")
      return
    }
    #expect(event["specversion"]?.textValue == "1.0")
    #expect(event["type"]?.textValue == "shop.thing.made.v1")
    #expect(event["source"]?.textValue == "/kit")
    #expect(event["subject"]?.textValue == "a\"b")
    #expect(event["sequence"]?.textValue == "1")
    #expect(event["version"] == .number("7"))
    #expect(event["data"]?["subject"]?.textValue == "a\"b")
    #expect(event["id"]?.textValue.flatMap { UUID128($0) } != nil)
    #expect(event["time"]?.textValue.flatMap { Timestamp($0) } != nil)
  }

  @Test("a reader goes through the feed page by page; events without a position are not yet there")
  func pages() async throws {
    let bench = try await KitBench()
    let router = router(bench)
    for index in 1...5 { try await bench.append("thing.made", subject: "\(index)") }
    #expect(try await subjects(read(router, "after=0")).isEmpty)
    _ = try await bench.sequencer.number()
    try await bench.append("thing.made", subject: "6")
    var after = "0"
    var seen: [String] = []
    for _ in 0..<3 {
      let response = try await read(router, "after=\(after)&limit=2")
      seen += try subjects(response)
      after = try #require(response.fields["X-Next-Position"])
      #expect(response.fields["X-Head-Position"] == "5")
    }
    #expect(seen == ["1", "2", "3", "4", "5"])
    #expect(after == "5")
  }

  @Test("a reader that is further than the feed, which was begun anew, is told so")
  func begunAnew() async throws {
    let bench = try await KitBench()
    try await bench.append("thing.made")
    _ = try await bench.sequencer.number()
    let router = router(bench)
    #expect(try await read(router, "after=1").status == .ok)
    let response = try await read(router, "after=2")
    #expect(response.problemKind == .gone)
    #expect(response.problemBody?["headPosition"] == .number("1"))
  }

  @Test("a reader of some types skips the others, but never past one of its own")
  func types() async throws {
    let bench = try await KitBench()
    let router = router(bench)
    for (index, type) in ["a", "b", "a", "c", "b", "b"].enumerated() {
      try await bench.append("thing.\(type)", subject: "\(index + 1)")
    }
    _ = try await bench.sequencer.number()
    let first = try await read(router, "after=0&limit=2&types=thing.a,thing.c")
    #expect(try subjects(first) == ["1", "3"])
    #expect(first.fields["X-Next-Position"] == "3")
    let rest = try await read(router, "after=3&limit=2&types=thing.a,thing.c")
    #expect(try subjects(rest) == ["4"])
    #expect(rest.fields["X-Next-Position"] == "6")
    let none = try await read(router, "after=0&types=thing.x")
    #expect(try subjects(none).isEmpty)
    #expect(none.fields["X-Next-Position"] == "6")
  }

  @Test("a reader that waits is answered once there is an event")
  func waits() async throws {
    let bench = try await KitBench()
    let router = router(bench)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: KitBench.loops.preferred) {
        let response = try await read(router, "after=0&wait=10")
        #expect(try subjects(response) == ["1"])
      }
      group.addTask {
        try await bench.append("thing.made")
        _ = try await bench.sequencer.number()
        bench.signal.raise(.numbered)
      }
      try await group.waitForAll()
    }
  }

  /// Returns when a reader with connections of its own has looked, and waits.
  private func untilReaderHasLooked(_ bench: KitBench) async throws {
    let hasLooked: SQL = """
      WITH reader AS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'idle' AND query LIKE '%LEFT JOIN LATERAL%' AND pid <> pg_backend_pid())
      SELECT EXISTS (TABLE reader)
      """
    while try await bench.database.value(hasLooked, as: Bool.self) != true {}
  }

  @Test("a reader of some types waits past the others, and misses none of its own")
  func waitsPastOthers() async throws {
    let bench = try await KitBench()
    let replica = try bench.replica()
    let router = router(replica)
    let reader = Task(executorPreference: KitBench.loops.preferred) {
      try await read(router, "after=0&wait=10&types=thing.wanted")
    }
    try await untilReaderHasLooked(bench)
    for index in 1...3 {
      try await bench.append("thing.other", subject: "\(index)")
      _ = try await bench.sequencer.number()
      replica.signal.raise(.numbered)
    }
    try await bench.append("thing.wanted", subject: "4")
    _ = try await bench.sequencer.number()
    replica.signal.raise(.numbered)
    let response = try await reader.value
    #expect(try subjects(response) == ["4"])
    #expect(response.fields["X-Next-Position"] == "4")
  }

  @Test("a reader that waits is woken by what another process of the service numbered")
  func wokenByReplica() async throws {
    let bench = try await KitBench()
    let replica = try bench.replica()
    let router = router(replica, pollInterval: .seconds(3600))
    let hearing = Task { await replica.bell.listen() }
    let numbering = Task(executorPreference: KitBench.loops.preferred) {
      try await bench.sequencer.run()
    }
    defer {
      hearing.cancel()
      numbering.cancel()
    }
    // There is one when listening has begun.
    while replica.signal.count(.numbered) == 0 { try await Task.sleep(for: .milliseconds(1)) }
    let reader = Task(executorPreference: KitBench.loops.preferred) {
      let response = try await read(router, "after=0&wait=10")
      return (response: response, at: ContinuousClock.now)
    }
    try await untilReaderHasLooked(bench)
    let start = ContinuousClock.now
    try await bench.append("thing.made")
    let answer = try await reader.value
    #expect(try subjects(answer.response) == ["1"])
    // Without being told it would have looked again when its 10 seconds were over.
    #expect(start.duration(to: answer.at) < .seconds(5))
  }

  @Test(
    "a question that makes no sense is refused",
    arguments: [
      "after=-1", "after=x", "limit=0", "limit=501", "wait=11", "wait=-1", "other=1",
      "after=1&after=2", "after=9223372036854775808",
    ])
  func refused(query: String) async throws {
    let bench = try await Self.refusing.value
    #expect(try await read(router(bench), query).problemKind == .validationFailed)
  }

  @Test("only the services named read the feed")
  func access() async throws {
    let bench = try await KitBench()
    let router = router(bench)
    #expect(
      try await router.send(.get, "/internal/events", as: "other").problemKind == .forbidden)
    #expect(try await router.send(.get, "/internal/events").problemKind == .unauthenticated)
  }
}

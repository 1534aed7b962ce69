import CoreHTTP
import HTTPMessages
import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

@Suite("Feed consumers", .timeLimit(.minutes(5)))
struct FeedConsumerTests {
  private struct Refused: Error {}

  /// The real feed of `bench`, which does not wait when there is nothing to tell.
  private struct Feed: Upstream {
    let name = "kit"
    let router: Router
    /// Runs between the feed's answer and its arrival.
    var beforeArrival: @Sendable () async throws -> Void = {}

    init(_ bench: KitBench) {
      let feed = bench.feed
      router = bench.router { routes in
        routes.get("/internal/events", access: .services(["reader"])) { try await feed.answer($0) }
      }
    }

    func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
      let target = request.target.replacing("wait=10", with: "wait=0")
      let response = try await router.send(.get, target, as: "reader")
      try await beforeArrival()
      return response
    }
  }

  /// Writes the subject of each event as an effect; `apply` runs after that.
  private func consumer(
    _ bench: KitBench, _ feed: Feed? = nil, as holder: LeaseHolder = LeaseHolder(),
    then apply: @escaping FeedConsumer.Apply = { _, _ in }
  ) -> FeedConsumer {
    FeedConsumer(
      source: "kit", types: ["thing.made"], upstream: feed ?? Feed(bench),
      database: bench.database, logger: KitBench.logger, holder: holder
    ) { event, transaction in
      try await KitBench.note(
        event.isReplay ? "again \(event.subject)" : event.subject, in: transaction)
      try await apply(event, transaction)
    }
  }

  private func publish(_ subjects: [String], in bench: KitBench) async throws {
    for subject in subjects { try await bench.append("thing.made", subject: subject) }
    _ = try await bench.sequencer.number()
  }

  private func offset(_ bench: KitBench) async throws -> Int64? {
    try await bench.database.value("SELECT position FROM consumer_offsets WHERE source = 'kit'")
  }

  private func parked(_ bench: KitBench) async throws -> [Int64] {
    try await bench.database.values("SELECT position FROM dead_letters ORDER BY position")
  }

  @Test("every event is applied once, in order, together with the new offset")
  func once() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2", "3"], in: bench)
    let consumer = consumer(bench)
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    #expect(try await offset(bench) == 3)
    #expect(try await consumer.advance(&place))
    try await publish(["4"], in: bench)
    #expect(try await consumer.advance(&place))
    #expect(try await bench.effects() == ["1", "2", "3", "4"])
    #expect(try await offset(bench) == 4)
    #expect(place.position == 4)
  }

  @Test("a crash between the effect and the offset leaves neither; the next try has both")
  func crash() async throws {
    let bench = try await KitBench()
    try await publish(["1"], in: bench)
    let crashing = consumer(bench) { _, transaction in
      _ = try await transaction.query("SELECT pg_terminate_backend(pg_backend_pid())") { _ in }
    }
    var place = try #require(try await crashing.takeLease())
    await #expect(throws: PostgresError.self) { try await crashing.advance(&place) }
    #expect(try await bench.effects().isEmpty)
    #expect(try await offset(bench) == 0)
    #expect(try await parked(bench).isEmpty)
    #expect(try await consumer(bench).advance(&place))
    #expect(try await bench.effects() == ["1"])
    #expect(try await offset(bench) == 1)
  }

  @Test("an event that fails ten times is put aside; what is around it is applied once")
  func poison() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2", "3"], in: bench)
    let consumer = consumer(bench) { event, _ in if event.subject == "2" { throw Refused() } }
    for _ in 1..<FeedConsumer.failuresMax {
      var place = try #require(try await consumer.takeLease())
      await #expect(throws: Refused.self) { try await consumer.advance(&place) }
      await consumer.giveBackLease(place)
      #expect(try await offset(bench) == 1)
      #expect(try await parked(bench).isEmpty)
    }
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    #expect(try await bench.effects() == ["1", "3"])
    #expect(try await parked(bench) == [2])
    #expect(try await offset(bench) == 3)
    let failures: Int? = try await bench.database.value("SELECT failures FROM consumer_offsets")
    #expect(failures == 0)
  }

  @Test("an event that fails twice and then succeeds is not put aside")
  func recovers() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2"], in: bench)
    let failing = consumer(bench) { event, _ in if event.subject == "2" { throw Refused() } }
    var place = try #require(try await failing.takeLease())
    for _ in 0..<2 {
      await #expect(throws: Refused.self) { try await failing.advance(&place) }
    }
    #expect(try await consumer(bench).advance(&place))
    #expect(try await bench.effects() == ["1", "2"])
    #expect(try await parked(bench).isEmpty)
  }

  @Test("a parked event is listed whole, and applied once more when somebody asks for it")
  func retryParked() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2", "3"], in: bench)
    let failing = consumer(bench) { event, _ in if event.subject == "2" { throw Refused() } }
    var place = try #require(try await failing.takeLease())
    for _ in 0..<FeedConsumer.failuresMax - 1 {
      await #expect(throws: Refused.self) { try await failing.advance(&place) }
    }
    #expect(try await failing.advance(&place))
    let letters = DeadLetters(runner: bench.database)
    let letter = try #require(try await letters.page(PageRequest()).elements.first)
    #expect(letter.position == 2 && letter.retryAt == nil)
    let shown = String(decoding: try JSONEncoding.encode(letter), as: UTF8.self)
    #expect(shown.contains(#""subject":"2""#) && shown.contains(#""type":"shop.thing.made.v1""#))

    await #expect(throws: NotFound.self) { try await letters.retry("kit", 1) }
    await #expect(throws: NotFound.self) { try await letters.retry("other", 2) }
    // Nobody asked: it stays.
    try await failing.retryParked(place)
    #expect(try await parked(bench) == [2])
    // Still broken: it stays, and waits to be asked for again.
    #expect(try await letters.retry("kit", 2).retryAt != nil)
    try await failing.retryParked(place)
    #expect(try await letters.page(PageRequest()).elements.map(\.retryAt) == [nil])

    _ = try await letters.retry("kit", 2)
    let mended = consumer(bench)
    try await mended.retryParked(place)
    try await mended.retryParked(place)
    #expect(try await bench.effects() == ["1", "3", "2"])
    #expect(try await parked(bench).isEmpty)
    #expect(try await offset(bench) == 3)
  }

  @Test("an event that was parked in a replay is one of a replay when it is applied after all")
  func retryParkedReplay() async throws {
    let bench = try await KitBench()
    try await publish(["1"], in: bench)
    var place = try #require(try await consumer(bench).takeLease())
    #expect(try await consumer(bench).advance(&place))
    try await bench.database.execute(
      "UPDATE consumer_offsets SET position = 0, lease_until = now()")
    let failing = consumer(bench) { _, _ in throw Refused() }
    place = try #require(try await failing.takeLease())
    for _ in 0..<FeedConsumer.failuresMax - 1 {
      await #expect(throws: Refused.self) { try await failing.advance(&place) }
    }
    #expect(try await failing.advance(&place))
    _ = try await DeadLetters(runner: bench.database).retry("kit", 1)
    try await consumer(bench).retryParked(place)
    #expect(try await bench.effects() == ["1", "again 1"])
  }

  @Test("who lost the lease applies no parked event")
  func retryWithoutLease() async throws {
    let bench = try await KitBench()
    try await publish(["1"], in: bench)
    let consumer = consumer(bench)
    let old = try #require(try await consumer.takeLease())
    try await bench.database.execute(
      """
      INSERT INTO dead_letters (source, position, event, error, retry_at)
      SELECT 'kit', position, jsonb_build_object('id', event_id, 'type', type, 'subject', subject,
        'sequence', position::text, 'time', '2026-11-22T10:00:00.000Z', 'data', data), '', now()
      FROM outbox
      """)
    try await bench.database.execute("UPDATE consumer_offsets SET lease_until = now()")
    let new = try #require(try await consumer.takeLease())
    try await consumer.retryParked(old)
    #expect(try await bench.effects().isEmpty)
    #expect(try await parked(bench) == [1])
    try await consumer.retryParked(new)
    #expect(try await bench.effects() == ["1"])
    #expect(try await parked(bench).isEmpty)
  }

  @Test("one consumer at a time holds the lease")
  func lease() async throws {
    let bench = try await KitBench()
    let (consumer, other) = (consumer(bench), consumer(bench))
    let place = try #require(try await consumer.takeLease())
    #expect(try await other.takeLease() == nil)
    await consumer.giveBackLease(place)
    let next = try #require(try await other.takeLease())
    #expect(next.epoch == place.epoch + 1)
  }

  @Test("a reader that could not give its lease back has it again at once")
  func leftOver() async throws {
    let bench = try await KitBench()
    let consumer = consumer(bench)
    var old = try #require(try await consumer.takeLease())
    let place = try #require(try await consumer.takeLease())
    #expect(place.epoch == old.epoch + 1)
    #expect(try await consumer.advance(&old) == false)
  }

  @Test("what a process left that read at the same place is taken at once, others' leases are not")
  func predecessor() async throws {
    let bench = try await KitBench()
    func reader(at place: String, begun time: UInt64) -> FeedConsumer {
      consumer(bench, as: LeaseHolder(place: place, process: UUID128(high: time, low: 0)))
    }
    let predecessor = reader(at: "host:8082", begun: 1)
    var dead = try #require(try await predecessor.takeLease())
    for elsewhere in ["host:80", "host:80821", "other:8082"] {
      #expect(try await reader(at: elsewhere, begun: 2).takeLease() == nil)
    }
    #expect(try await consumer(bench).takeLease() == nil)
    let successor = reader(at: "host:8082", begun: 2)
    let place = try #require(try await successor.takeLease())
    #expect(place.epoch == dead.epoch + 1)
    // It was not dead after all.
    #expect(try await predecessor.advance(&dead) == false)
    #expect(try await predecessor.takeLease() == nil, "it takes nothing back")
  }

  @Test("a consumer that lost its lease while it was reading writes nothing")
  func epochs() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2"], in: bench)
    let winner = consumer(bench)
    var feed = Feed(bench)
    feed.beforeArrival = {
      try await bench.database.execute("UPDATE consumer_offsets SET lease_until = now()")
      var place = try #require(try await winner.takeLease())
      #expect(try await winner.advance(&place))
    }
    let loser = consumer(bench, feed)
    var place = try #require(try await loser.takeLease())
    #expect(try await loser.advance(&place) == false)
    #expect(try await bench.effects() == ["1", "2"])
    #expect(try await offset(bench) == 2)
  }

  @Test("a late holder of the lease does not move the offset by an empty answer either")
  func renewal() async throws {
    let bench = try await KitBench()
    let consumer = consumer(bench)
    var old = try #require(try await consumer.takeLease())
    try await bench.database.execute("UPDATE consumer_offsets SET lease_until = now()")
    var new = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&old) == false)
    #expect(try await consumer.advance(&new))
  }

  @Test("an offset that is set back lets the events be applied again, marked as such")
  func again() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2"], in: bench)
    let consumer = consumer(bench)
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    await consumer.giveBackLease(place)
    try await bench.database.execute("UPDATE consumer_offsets SET position = 1")
    place = try #require(try await consumer.takeLease())
    try await publish(["3"], in: bench)
    #expect(try await consumer.advance(&place))
    #expect(try await bench.effects() == ["1", "2", "again 2", "3"])
  }

  @Test("a reset takes the offset from whoever reads, back to where it was told and no further on")
  func reset() async throws {
    let bench = try await KitBench()
    try await publish(["1", "2"], in: bench)
    let consumer = consumer(bench)
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    func reset(_ source: String, to position: Int64) async throws -> ConsumerReset.Place {
      try await bench.database.transaction {
        try await ConsumerReset(position: position).apply(to: source, in: $0)
      }
    }
    await #expect(throws: NotFound.self) { try await reset("other", to: 0) }
    await #expect(throws: ValidationFailure.self) { try await reset("kit", to: 3) }
    #expect(try await reset("kit", to: 1).highPosition == 2)
    try await publish(["3"], in: bench)
    #expect(try await consumer.advance(&place) == false)
    place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    #expect(try await bench.effects() == ["1", "2", "again 2", "3"])
  }

  @Test("how far a consumer is behind is known while it reads")
  func lag() async throws {
    let bench = try await KitBench()
    try await publish((1...150).map { "\($0)" }, in: bench)
    let lags = ConsumerLags()
    let consumer = FeedConsumer(
      source: "kit", types: ["thing.made"], upstream: Feed(bench), database: bench.database,
      logger: KitBench.logger, lags: lags
    ) { _, _ in }
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    #expect(lags.all == ["kit": 50])
    #expect(try await consumer.advance(&place))
    #expect(lags.all == ["kit": 0])
  }

  @Test("a feed that does not answer as it should moves nothing")
  func badAnswers() async throws {
    let bench = try await KitBench()
    struct Saying: Upstream {
      let name = "kit"
      let response: HTTPResponse
      func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
        response
      }
    }
    var other = HTTPResponse.json(bytes: Array(#"{"no":"array"}"#.utf8))
    other.fields["X-Next-Position"] = "5"
    var parts = HTTPResponse.json(bytes: Array(#"[{"type":"shop.thing.made.v1"}]"#.utf8))
    parts.fields["X-Next-Position"] = "5"
    for response in [
      HTTPResponse(HTTPStatus(503)), .json(bytes: Array("[]".utf8)), other, parts,
    ] {
      let consumer = FeedConsumer(
        source: "kit", types: [], upstream: Saying(response: response), database: bench.database,
        logger: KitBench.logger, apply: { _, _ in })
      var place = try #require(try await consumer.takeLease())
      await #expect(throws: Problem.self) { try await consumer.advance(&place) }
      await consumer.giveBackLease(place)
    }
    #expect(try await offset(bench) == 0)
  }
}

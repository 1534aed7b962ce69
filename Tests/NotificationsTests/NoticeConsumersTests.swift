import EventLoops
import HTTPMessages
import Logging
import Postgres
import SharedKernel
import Synchronization
import Testing

@testable import Notifications
@testable import ServiceKit

@Suite("Reading the feeds", .timeLimit(.minutes(2)))
struct NoticeConsumersTests {
  private let user = UserID.new()
  private let order = UUID128.v7()

  private var events: [ScriptedFeed.Event] {
    let total = #"{"amount":100000,"currency":"USD"}"#
    func data(_ further: String = "") -> String {
      #"{"orderId":"\#(order)","number":10001,"state":"confirmed","version":3,"total":\#(total)"#
        + #","captured":100000,"refunded":0\#(further)}"#
    }
    return [
      .init("order.created", "\(order)", data(#","userId":"\#(user)""#)),
      .init("order.confirmed", "\(order)", data(#","userId":"\#(user)""#)),
      .init("order.confirmed", "\(UUID128.v7())", data()),
      .init("order.cancelled", "\(order)", data(#","cancelReason":"timed_out""#)),
      .init("order.attention_required", "\(order)", data()),
    ]
  }

  @Test("each event that people are told of gives a row for each channel")
  func notices() async throws {
    let bench = try await NotificationsBench()
    let feed = ScriptedFeed("order-service", events)
    try await bench.read(feed)
    let rows = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    #expect(
      Set(rows.map { "\($0.type) \($0.channel.rawValue)" })
        == [
          "order.confirmed log", "order.confirmed email", "order.cancelled log",
          "order.cancelled email", "order.attention_required log",
        ])
    #expect(rows.count == 7)
    #expect(rows.allSatisfy { $0.state == .queued })
    let mine = rows.filter { $0.recipient == .user(user) }
    #expect(mine.map(\.type) == ["order.confirmed", "order.confirmed"])
    #expect(mine.first?.params["total"] == "USD 1000.0")
    #expect(rows.first { $0.type == "order.cancelled" }?.params["reason"] == "timed_out")
  }

  @Test("reading a feed again makes no second notice and sends nothing")
  func replay() async throws {
    let bench = try await NotificationsBench()
    let feed = ScriptedFeed("order-service", events)
    try await bench.read(feed)
    let sender = ScriptedSender { _ in .sent }
    let delivery = Delivery(queue: bench.queue, sender: sender)
    #expect(try await delivery.deliverDue() == 7)

    try await bench.setBack("order-service")
    try await bench.read(feed)
    #expect(try await bench.states() == ["sent": 7])
    #expect(try await delivery.deliverDue() == 0)
  }

  @Test("a replay into emptied tables makes the same rows, none of which is sent")
  func replayIntoEmptyTables() async throws {
    let bench = try await NotificationsBench()
    let feed = ScriptedFeed("order-service", events)
    try await bench.read(feed)
    let before = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    try await bench.admin.execute("DELETE FROM notification.notifications")
    try await bench.setBack("order-service")

    feed.add(.init("order.shipped", "\(order)", events[1].data))
    try await bench.read(feed)
    let rows = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    let replayed = rows.filter { $0.state == .replayed }
    #expect(Set(replayed.map(\.key)) == Set(before.map(\.key)))
    // What came after the place that had been reached is news.
    #expect(rows.filter { $0.state == .queued }.map(\.type) == ["order.shipped", "order.shipped"])
  }

  @Test("each endpoint that is to know of an event gets it once, in the transaction of its notices")
  func webhooks() async throws {
    let bench = try await NotificationsBench()
    let both = try await bench.makeEndpoint(types: ["order.confirmed", "order.created"])
    let one = try await bench.makeEndpoint(types: ["order.cancelled"])
    let feed = ScriptedFeed("order-service", events)
    try await bench.read(feed)
    #expect(try await bench.deliveries(of: both) == ["order.confirmed": 2, "order.created": 1])
    #expect(try await bench.deliveries(of: one) == ["order.cancelled": 1])
    try await bench.setBack("order-service")
    try await bench.read(feed)
    #expect(try await bench.deliveries(of: both) == ["order.confirmed": 2, "order.created": 1])
    let body: String? = try await bench.database.value(
      "SELECT body FROM webhook_deliveries WHERE type = 'order.cancelled'")
    #expect(body?.contains(#""type":"shop.order.cancelled.v1""#) == true)
    #expect(body?.contains(#""cancelReason":"timed_out""#) == true)
  }

  @Test("a replay into emptied tables delivers nothing again; a new event is delivered")
  func webhookReplay() async throws {
    let bench = try await NotificationsBench()
    let endpoint = try await bench.makeEndpoint(types: ["order.confirmed", "order.shipped"])
    let feed = ScriptedFeed("order-service", events)
    try await bench.read(feed)
    try await bench.admin.execute("DELETE FROM notification.webhook_deliveries")
    try await bench.setBack("order-service")
    feed.add(.init("order.shipped", "\(order)", events[1].data))
    try await bench.read(feed)
    let states = try await bench.database.query(
      """
      SELECT type, state FROM webhook_deliveries WHERE endpoint_id = \(endpoint)
      ORDER BY type, state
      """
    ) { "\(try $0.next(as: String.self)) \(try $0.next(as: String.self))" }
    #expect(
      states == [
        "order.confirmed replayed", "order.confirmed replayed", "order.shipped queued",
      ])
  }

  @Test("a disabled endpoint gets nothing")
  func disabledEndpoint() async throws {
    let bench = try await NotificationsBench()
    let endpoint = try await bench.makeEndpoint(types: ["order.confirmed"])
    try await bench.database.execute("UPDATE webhook_endpoints SET state = 'disabled'")
    try await bench.read(ScriptedFeed("order-service", events))
    #expect(try await bench.deliveries(of: endpoint) == [:])
  }

  @Test("what a customer switched off is kept as skipped; receipts are not theirs to switch off")
  func switchedOff() async throws {
    let bench = try await NotificationsBench()
    let set = try await bench.send(
      .put, "/preferences", as: "\(user)",
      body: #"[{"type":"order.shipped","channel":"email","enabled":false}]"#)
    #expect(set.status.code == 200)
    let mine = events[1].data
    try await bench.read(
      ScriptedFeed(
        "order-service",
        [.init("order.shipped", "\(order)", mine), .init("order.delivered", "\(order)", mine)]))
    let rows = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    #expect(
      Set(rows.map { "\($0.type) \($0.channel.rawValue) \($0.state.rawValue)" })
        == [
          "order.shipped log queued", "order.shipped email skipped", "order.delivered log queued",
          "order.delivered email queued",
        ])
  }

  @Test("when an account is deleted its preferences go")
  func deletedAccount() async throws {
    let bench = try await NotificationsBench()
    _ = try await bench.send(
      .put, "/preferences", as: "\(user)",
      body: #"[{"type":"order.shipped","channel":"email","enabled":false}]"#)
    try await bench.read(
      ScriptedFeed(
        "user-service", [.init("user.deleted", "\(user)", #"{"userId":"\#(user)"}"#)]))
    let left: Int? = try await bench.database.value("SELECT count(*) FROM preferences")
    #expect(left == 0)
    #expect(try await bench.states() == [:])
  }

  @Test("a reader that is stopped gives its place back, so that the next need not wait")
  func givesBack() async throws {
    let bench = try await NotificationsBench()
    try await bench.read(ScriptedFeed("order-service", events))
    let isFree: Bool? = try await bench.database.first(
      "SELECT lease_until <= now() FROM consumer_offsets"
    ) { try $0.next() }
    #expect(isFree == true)
  }

  @Test("payments, stock and accounts are told of as well")
  func otherFeeds() async throws {
    let bench = try await NotificationsBench()
    try await bench.read(
      ScriptedFeed(
        "payment-service",
        [
          .init(
            "payment.declined", "\(UUID128.v7())",
            #"{"paymentId":"\#(UUID128.v7())","orderId":"\#(order)","userId":"\#(user)","#
              + #""state":"declined","amount":500,"currency":"USD","authorized":0,"captured":0,"#
              + #""refunded":0,"version":2,"declineCode":"insufficient_funds"}"#)
        ]))
    try await bench.read(
      ScriptedFeed(
        "product-service", [.init("stock.low", "7", #"{"sku":"LAP-1","available":3}"#)]))
    try await bench.read(
      ScriptedFeed(
        "user-service", [.init("user.registered", "\(user)", #"{"userId":"\#(user)"}"#)]))
    let rows = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    #expect(
      Set(rows.map { "\($0.type) \($0.recipient.text) \($0.channel.rawValue)" })
        == [
          "payment.declined user:\(user) log", "payment.declined user:\(user) email",
          "stock.low staff log", "user.registered user:\(user) log",
          "user.registered user:\(user) email",
        ])
  }
}

extension NotificationsBench {
  /// An enabled endpoint that nobody listens at.
  func makeEndpoint(
    types: [String], url: String = "http://127.0.0.1:9/hook", secret: WebhookSecret? = nil
  ) async throws -> ID<WebhookEndpoint> {
    let id = ID<WebhookEndpoint>.new()
    let secret = secret ?? WebhookSecret(bytes: [UInt8](repeating: 1, count: 32))
    _ = try await WebhookRepository(runner: database, outbox: Self.outbox).insert(
      WebhookDraft(url: url, types: types, description: "", state: .enabled, rules: Self.rules),
      id: id, secret: secrets.seal(secret.bytes, context: WebhookClient.context(id)))
    // Before the events of scripted feeds.
    try await database.execute("UPDATE webhook_endpoints SET subscribed_at = '2026-01-01'")
    return id
  }

  /// How many of each type wait for an endpoint, or have gone there.
  func deliveries(of endpoint: ID<WebhookEndpoint>) async throws -> [String: Int] {
    let rows = try await database.query(
      """
      SELECT type, count(*) FROM webhook_deliveries WHERE endpoint_id = \(endpoint) GROUP BY type
      """
    ) { (try $0.next(as: String.self), try $0.next(as: Int.self)) }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  /// Runs the consumer of this feed until it has read all that is in it.
  func read(_ feed: ScriptedFeed) async throws {
    let database = database
    let workers = NoticeConsumers(
      channels: [.log, .email], outbox: NotificationsBench.outbox
    ) { source, types, apply in
      FeedConsumer(
        source: source, types: types, upstream: feed, database: database,
        logger: NotificationsBench.logger, apply: apply
      ).worker
    }.workers
    let worker = try #require(workers.first { $0.name == "feed-\(feed.name)" })
    let running = Task {
      await worker.run(on: NotificationsBench.loops.loops[0], logger: NotificationsBench.logger)
    }
    await feed.allRead()
    running.cancel()
    await running.value
  }

  func setBack(_ source: String) async throws {
    try await database.execute(
      "UPDATE consumer_offsets SET position = 0 WHERE source = \(source)")
  }
}

/// Another service's feed, as its consumers see it.
final class ScriptedFeed: Upstream {
  struct Event: Sendable {
    let id = UUID128.v7()
    let type: String
    let subject: String
    let data: String

    init(_ type: String, _ subject: String, _ data: String) {
      self.type = type
      self.subject = subject
      self.data = data
    }
  }

  let name: String
  private let events: Mutex<[Event]>
  private let reads = AsyncStream<Void>.makeStream()

  init(_ name: String, _ events: [Event]) {
    self.name = name
    self.events = Mutex(events)
  }

  func add(_ event: Event) {
    events.withLock { $0.append(event) }
  }

  /// Returns once a consumer asks for what comes after the last event: it has committed all others.
  func allRead() async {
    for await _ in reads.stream { return }
  }

  func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
    let query = Dictionary(
      try request.queryItems.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    let after = Int(query["after"] ?? "") ?? 0
    let types = Set((query["types"] ?? "").split(separator: ",").map(String.init))
    let events = events.withLock { $0 }
    if after == events.count {
      reads.continuation.yield()
      try await Task.sleep(for: .seconds(3600))  // until the consumer is cancelled
    }
    let bodies = events.enumerated().dropFirst(after).filter { types.contains($0.element.type) }
      .map { index, event in
        """
        {"specversion":"1.0","id":"\(event.id)","source":"/test","type":"shop.\(event.type).v1",\
        "subject":"\(event.subject)","sequence":"\(index + 1)","time":"2026-11-22T10:00:00.000Z",\
        "version":1,"data":\(event.data)}
        """
      }
    var response = HTTPResponse.json(bytes: Array("[\(bodies.joined(separator: ","))]".utf8))
    response.fields["X-Next-Position"] = "\(events.count)"
    response.fields["X-Head-Position"] = "\(events.count)"
    return response
  }
}

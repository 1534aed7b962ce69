import HTTPMessages
import ServiceKit
import SharedKernel
import Synchronization
import TestSupport
import Testing

@testable import Notifications

@Suite("Posting webhooks", .timeLimit(.minutes(2)))
struct WebhookDeliveryTests {
  /// A merchant's server that keeps what it gets.
  private final class Merchant: Sendable {
    private let requests = Mutex<[String]>([])
    private let answer: Mutex<String>

    init(_ answer: String = "HTTP/1.1 204 No Content\r\n\r\n") {
      self.answer = Mutex(answer)
    }

    var received: [String] { requests.withLock { $0 } }

    func answer(with text: String) { answer.withLock { $0 = text } }

    func serve(_ connection: ScriptedConnection) {
      guard let request = connection.readRequest() else { return }
      requests.withLock { $0.append(request) }
      connection.write(answer.withLock { $0 })
    }
  }

  private func header(_ name: String, of request: String) -> String? {
    request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name):") }
      .map { $0.drop { $0 != ":" }.dropFirst().drop { $0 == " " } }.map(String.init)
  }

  private func queue(
    _ bench: NotificationsBench, _ endpoint: ID<WebhookEndpoint>
  ) async throws {
    let repository = WebhookRepository(
      runner: bench.database, outbox: NotificationsBench.outbox)
    _ = try await repository.queueTest(of: try #require(try await repository.endpoint(endpoint)))
  }

  private struct Row: Equatable {
    let state: String
    let attempts: Int
    let status: Int?
    let error: String?
    let waitSeconds: Int
  }

  private func row(_ bench: NotificationsBench) async throws -> Row {
    try #require(
      try await bench.database.first(
        """
        SELECT state, attempts, last_status, last_error,
          ceil(extract(epoch FROM next_run_at - now()))::int8 FROM webhook_deliveries
        ORDER BY id DESC LIMIT 1
        """
      ) { row in
        Row(
          state: try row.next(), attempts: try row.next(), status: try row.next(),
          error: try row.next(), waitSeconds: try row.next())
      })
  }

  private func endpointState(_ bench: NotificationsBench) async throws -> String? {
    try await bench.database.value("SELECT state FROM webhook_endpoints")
  }

  @Test("a delivery arrives signed, by the old secret too while that has its day, and once")
  func signed() async throws {
    let bench = try await NotificationsBench()
    let merchant = Merchant()
    let server = try ScriptedServer { merchant.serve($0) }
    defer { server.close() }
    let old = WebhookSecret(bytes: [UInt8](repeating: 1, count: 32))
    let new = WebhookSecret(bytes: [UInt8](repeating: 2, count: 32))
    let endpoint = try await bench.makeEndpoint(
      types: ["order.confirmed"], url: "http://\(server.authority)/hook?x=1", secret: old)
    _ = try await WebhookRepository(runner: bench.database, outbox: NotificationsBench.outbox)
      .replaceSecret(
        of: endpoint, by: bench.secrets.seal(new.bytes, context: WebhookClient.context(endpoint)),
        overlap: .seconds(3600))
    try await queue(bench, endpoint)
    #expect(try await bench.webhooks.deliverDue() == 1)
    #expect(try await bench.webhooks.deliverDue() == 0)
    #expect(try await row(bench).state == "sent")
    let request = try #require(merchant.received.first)
    #expect(merchant.received.count == 1)
    #expect(request.hasPrefix("POST /hook?x=1 HTTP/1.1\r\n"))
    let body = try #require(request.firstRange(of: "\r\n\r\n").map { request[$0.upperBound...] })
    let id = try #require(header("webhook-id", of: request))
    let time = try #require(header("webhook-timestamp", of: request))
    #expect(body.contains("\"id\":\"\(id)\""))
    #expect(abs((Int64(time) ?? 0) - Timestamp.now().seconds) < 60)
    let expected = WebhookSignature(
      id: try #require(UUID128(id)), at: Timestamp(microseconds: (Int64(time) ?? 0) * 1_000_000),
      body: String(body), secrets: [new, old], hmac: { hmacSHA256($0, key: $1) })
    #expect(header("webhook-signature", of: request) == expected.signatures)

    // A day later the old one has no say.
    try await bench.database.execute(
      "UPDATE webhook_endpoints SET previous_secret_until = now() - interval '1 second'")
    try await queue(bench, endpoint)
    #expect(try await bench.webhooks.deliverDue() == 1)
    let signature = try #require(header("webhook-signature", of: merchant.received[1]))
    #expect(!signature.contains(" "))
  }

  @Test(
    "what is not taken is tried again by the schedule, with the start of the answer kept",
    arguments: [
      (
        "HTTP/1.1 500 Oops\r\nContent-Length: 3000\r\n\r\n" + String(repeating: "é", count: 1500),
        500
      ),
      ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302),
      ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404),
    ])
  func refused(answer: String, status: Int) async throws {
    let bench = try await NotificationsBench()
    let merchant = Merchant(answer)
    let server = try ScriptedServer { merchant.serve($0) }
    defer { server.close() }
    let endpoint = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(server.authority)/")
    try await queue(bench, endpoint)
    for (attempt, wait) in [5, 30, 120].enumerated() {
      #expect(try await bench.webhooks.deliverDue() == 1)
      let now = try await row(bench)
      #expect(now.state == "queued" && now.attempts == attempt + 1)
      #expect(now.status == status && now.error == "answered \(status)")
      #expect((wait - 5...wait).contains(now.waitSeconds))
      try await bench.database.execute("UPDATE webhook_deliveries SET next_run_at = now()")
    }
    // Never anywhere else than where it was to go.
    #expect(merchant.received.count == 3)
    let kept: Int? = try await bench.database.value(
      "SELECT octet_length(last_body) FROM webhook_deliveries")
    #expect(try #require(kept) <= 2048)
    try await bench.database.execute(
      "UPDATE webhook_deliveries SET attempts = 7, next_run_at = now()")
    #expect(try await bench.webhooks.deliverDue() == 1)
    #expect(try await row(bench).state == "failed")
    #expect(try await endpointState(bench) == "enabled")
  }

  @Test("an endpoint that has failed for three days is disabled, and so is what waits for it")
  func failingForDays() async throws {
    let bench = try await NotificationsBench()
    let merchant = Merchant("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    let server = try ScriptedServer { merchant.serve($0) }
    defer { server.close() }
    let endpoint = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(server.authority)/")
    try await queue(bench, endpoint)
    #expect(try await bench.webhooks.deliverDue() == 1)
    #expect(try await endpointState(bench) == "enabled")
    // One success, and the three days begin anew.
    merchant.answer(with: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    try await bench.database.execute("UPDATE webhook_deliveries SET next_run_at = now()")
    #expect(try await bench.webhooks.deliverDue() == 1)
    let since: Timestamp? = try await bench.database.value(
      "SELECT failing_since FROM webhook_endpoints")
    #expect(since == nil)
    merchant.answer(with: "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    for _ in 0..<5 { try await queue(bench, endpoint) }
    try await bench.database.execute(
      "UPDATE webhook_endpoints SET failing_since = now() - interval '71 hours'")
    #expect(try await bench.webhooks.deliverDue() == 5)
    #expect(try await endpointState(bench) == "enabled")
    try await bench.database.execute(
      "UPDATE webhook_endpoints SET failing_since = now() - interval '73 hours'")
    try await bench.database.execute(
      "UPDATE webhook_deliveries SET next_run_at = now() WHERE state = 'queued'")
    _ = try await bench.webhooks.deliverDue()
    #expect(try await endpointState(bench) == "disabled")
    let waiting: Int? = try await bench.database.value(
      "SELECT count(*) FROM webhook_deliveries WHERE state = 'queued'")
    #expect(waiting == 0)
    #expect(try await bench.events() == ["webhook.disabled \(endpoint)"])
  }

  @Test("an endpoint that says it is gone is disabled at once")
  func gone() async throws {
    let bench = try await NotificationsBench()
    let server = try ScriptedServer.answering("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let endpoint = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(server.authority)/")
    try await queue(bench, endpoint)
    #expect(try await bench.webhooks.deliverDue() == 1)
    #expect(try await endpointState(bench) == "disabled")
    #expect(try await row(bench).state == "failed")
  }

  /// Takes requests and never answers: as an endpoint that hangs.
  private final class HangingMerchant: Sendable {
    private struct Counts {
      var now = 0
      var most = 0
    }
    private let counts = Mutex(Counts())

    /// Requests that wait now, and the most that waited at once.
    var waiting: Int { counts.withLock(\.now) }
    var mostWaiting: Int { counts.withLock(\.most) }

    func serve(_ connection: ScriptedConnection) {
      guard connection.readRequest() != nil else { return }
      counts.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      connection.waitForClose()
      counts.withLock { $0.now -= 1 }
    }
  }

  @Test("an endpoint that hangs with a backlog holds up no other, and has four places at most")
  func hanging() async throws {
    let bench = try await NotificationsBench()
    let dead = HangingMerchant()
    let hanging = try ScriptedServer { dead.serve($0) }
    defer { hanging.close() }
    let merchant = Merchant("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    let working = try ScriptedServer { merchant.serve($0) }
    defer { working.close() }
    let first = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(hanging.authority)/")
    let second = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(working.authority)/")
    for _ in 0..<30 { try await queue(bench, first) }
    for _ in 0..<20 { try await queue(bench, second) }
    let delivering = Task { try await bench.webhooks.deliverDue() }
    while merchant.received.count < 20 || dead.waiting < 4 {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(dead.mostWaiting == WebhookDispatch.places.perEndpoint)
    #expect(merchant.received.count == 20)
    delivering.cancel()
    _ = await delivering.result
    // What was interrupted says nothing of its endpoint.
    let failing = try await bench.database.value(
      "SELECT count(*) FROM webhook_endpoints WHERE failing_since IS NOT NULL", as: Int.self)
    #expect(failing == 0)
  }

  @Test("many that are known to fail have a few places of their own, one for each")
  func failingTogether() async throws {
    let bench = try await NotificationsBench()
    let dead = HangingMerchant()
    let hanging = try ScriptedServer { dead.serve($0) }
    defer { hanging.close() }
    for _ in 0..<WebhookDispatch.placesOfFailing.all + 4 {
      let endpoint = try await bench.makeEndpoint(
        types: ["stock.low"], url: "http://\(hanging.authority)/")
      for _ in 0..<3 { try await queue(bench, endpoint) }
    }
    try await bench.database.execute("UPDATE webhook_endpoints SET failing_since = now()")
    let merchant = Merchant("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    let working = try ScriptedServer { merchant.serve($0) }
    defer { working.close() }
    let endpoint = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://\(working.authority)/")
    for _ in 0..<20 { try await queue(bench, endpoint) }
    let delivering = Task { try await bench.webhooks.deliverDue() }
    while merchant.received.count < 20 || dead.waiting < WebhookDispatch.placesOfFailing.all {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(dead.mostWaiting == WebhookDispatch.placesOfFailing.all)
    let perEndpoint: [Int] = try await bench.database.values(
      "SELECT sum(attempts)::int8 FROM webhook_deliveries GROUP BY endpoint_id")
    #expect(perEndpoint.filter { $0 != 20 }.allSatisfy { $0 <= 1 })
    delivering.cancel()
    _ = await delivering.result
  }

  @Test("nobody there is no answer, and is tried again")
  func nobody() async throws {
    let bench = try await NotificationsBench()
    let port = try LoopbackPort.free(1)[0]
    let endpoint = try await bench.makeEndpoint(
      types: ["stock.low"], url: "http://127.0.0.1:\(port)/")
    try await queue(bench, endpoint)
    #expect(try await bench.webhooks.deliverDue() == 1)
    let now = try await row(bench)
    #expect(now.state == "queued" && now.status == nil)
    #expect(now.error == "the connection was refused")
  }

  @Test(
    "the address that is connected to is looked at, whatever name it was found by",
    arguments: ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
  func privateAddress(host: String) async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let client = OutwardClient(group: NotificationsBench.loops, reachesPrivate: false)
    let failure = await #expect(throws: OutwardClient.Failure.self) {
      try await client.post(
        to: "\(host):\(server.port)", isSecure: false, target: "/", fields: HTTPFields(),
        body: [], timeout: .seconds(10))
    }
    #expect(failure?.description == "the host has no public address")
    #expect(server.connectionCount == 0)
  }
}

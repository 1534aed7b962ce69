import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Notifications

@Suite("The webhook routes", .timeLimit(.minutes(2)))
struct WebhookRoutesTests {
  private struct Endpoint: Decodable {
    let id: UUID128
    let url: String
    let types: [String]
    let description: String
    let state: String
    let secret: String?
    let previousSecretUntil: Timestamp?
    let version: Int
  }
  private struct Delivery: Decodable {
    let id: UUID128
    let type: String
    let state: String
    let attempts: Int
  }

  private static let body =
    #"{"url":"http://127.0.0.1:9/hook","types":["order.confirmed"],"description":"books"}"#
  private static let key: [HTTPFieldName: String] = [.idempotencyKey: "webhook-test-key-1"]

  private func send(
    _ bench: NotificationsBench, _ method: HTTPMethod, _ target: String, _ body: String? = nil,
    _ fields: [HTTPFieldName: String] = [:], as token: String = NotificationsBench.administrator
  ) async throws -> HTTPResponse {
    try await bench.send(method, target, as: token, body: body, fields: fields)
  }

  private func make(_ bench: NotificationsBench) async throws -> Endpoint {
    try await send(bench, .post, "/webhook-endpoints", Self.body).decoded()
  }

  @Test("an endpoint's secret is shown when it is made, and never again")
  func secretOnce() async throws {
    let bench = try await NotificationsBench()
    let made = try await send(bench, .post, "/webhook-endpoints", Self.body, Self.key)
    #expect(made.status.code == 201)
    let endpoint: Endpoint = try made.decoded()
    #expect(made.fields[.location] == "/webhook-endpoints/\(endpoint.id)")
    let secret = try #require(endpoint.secret)
    #expect(WebhookSecret(secret)?.bytes.count == 32)
    #expect(endpoint.state == "enabled")

    let replayed = try await send(bench, .post, "/webhook-endpoints", Self.body, Self.key)
    #expect(replayed.fields["Idempotent-Replayed"] == "true")
    #expect(try replayed.decoded(as: Endpoint.self).id == endpoint.id)
    let list = try await send(bench, .get, "/webhook-endpoints")
    let one = try await send(bench, .get, "/webhook-endpoints/\(endpoint.id)")
    for shown in [replayed, list, one] {
      let text = String(decoding: shown.body, as: UTF8.self)
      #expect(text.contains("\(endpoint.id)"))
      #expect(!text.contains("whsec_"))
    }
    let rows = try await bench.database.query(
      "SELECT e::text || k::text FROM webhook_endpoints e, idempotency_keys k"
    ) { try $0.next(as: String.self) }
    #expect(rows.count == 1 && !rows[0].contains(secret.dropFirst(6)))
  }

  @Test("an endpoint is changed and deleted by who has seen its version")
  func change() async throws {
    let bench = try await NotificationsBench()
    let path = "/webhook-endpoints/\(try await make(bench).id)"
    let patch = #"{"types":["order.cancelled","stock.low"],"state":"disabled"}"#
    #expect(try await send(bench, .patch, path, patch).status.code == 428)
    #expect(
      try await send(bench, .patch, path, patch, [.ifMatch: "\"v9\""]).status.code == 412)
    let changed = try await send(bench, .patch, path, patch, [.ifMatch: "\"v1\""])
    #expect(changed.fields[.etag] == "\"v2\"")
    let endpoint: Endpoint = try changed.decoded()
    #expect(endpoint.types == ["order.cancelled", "stock.low"])
    #expect(endpoint.state == "disabled")
    #expect(endpoint.description == "books")
    #expect(
      try await send(bench, .patch, path, #"{"types":["x"]}"#, [.ifMatch: "\"v2\""]).problemKind
        == .validationFailed)
    #expect(try await send(bench, .delete, path).status.code == 428)
    #expect(try await send(bench, .delete, path, nil, [.ifMatch: "\"v2\""]).status.code == 204)
    #expect(try await send(bench, .get, path).status.code == 404)
  }

  @Test("what waits for an endpoint that is disabled by hand has failed, and says why")
  func disabledByHand() async throws {
    let bench = try await NotificationsBench()
    let id = try await make(bench).id
    _ = try await send(
      bench, .post, "/webhook-endpoints/\(id)/test", nil, Self.key)
    _ = try await send(
      bench, .patch, "/webhook-endpoints/\(id)", #"{"state":"disabled"}"#, [.ifMatch: "*"])
    let list = try await send(bench, .get, "/webhook-endpoints/\(id)/deliveries?state=failed")
    #expect(String(decoding: list.body, as: UTF8.self).contains("the endpoint was disabled"))
    #expect(try list.decoded(as: [Delivery].self).count == 1)
    let again = try await send(
      bench, .post, "/webhook-endpoints/\(id)/test", nil,
      [.idempotencyKey: "webhook-test-key-2"])
    #expect(again.problemKind == .invalidStateTransition)
  }

  @Test("a new secret is shown once, and the old one has a day")
  func rotate() async throws {
    let bench = try await NotificationsBench()
    let first = try await make(bench)
    let path = "/webhook-endpoints/\(first.id)/rotate-secret"
    #expect(try await send(bench, .post, path).problemKind == .idempotencyKeyRequired)
    let rotated: Endpoint = try await send(bench, .post, path, nil, Self.key).decoded()
    #expect(rotated.secret != nil && rotated.secret != first.secret)
    let until = try #require(rotated.previousSecretUntil)
    let left = until.seconds - Timestamp.now().seconds
    #expect((86_300...86_400).contains(left))
    let replayed: Endpoint = try await send(bench, .post, path, nil, Self.key).decoded()
    #expect(replayed.secret == nil)
    #expect(replayed.version == rotated.version)
  }

  @Test("a test is queued once for a key; a delivery is posted again on demand")
  func testAndRedeliver() async throws {
    let bench = try await NotificationsBench()
    let id = try await make(bench).id
    for _ in 0..<2 {
      let asked = try await send(bench, .post, "/webhook-endpoints/\(id)/test", nil, Self.key)
      #expect(asked.status.code == 200)
    }
    let deliveries: [Delivery] = try await send(
      bench, .get, "/webhook-endpoints/\(id)/deliveries"
    ).decoded()
    #expect(deliveries.map(\.type) == ["webhook.test"])
    try await bench.database.execute(
      "UPDATE webhook_deliveries SET state = 'failed', attempts = 8")
    let again = try await send(
      bench, .post, "/webhook-deliveries/\(deliveries[0].id)/redeliver")
    #expect(again.status.code == 202)
    let queued: Delivery = try again.decoded()
    #expect(queued.state == "queued" && queued.attempts == 0)
    #expect(
      try await send(bench, .post, "/webhook-deliveries/\(UUID128.v7())/redeliver").status.code
        == 404)
    #expect(
      try await send(bench, .get, "/webhook-endpoints/\(UUID128.v7())/deliveries").status.code
        == 404)
  }

  @Test("webhooks are for administrators alone")
  func access() async throws {
    let bench = try await NotificationsBench()
    let id = try await make(bench).id
    let routes: [(HTTPMethod, String)] = [
      (.get, "/webhook-endpoints"), (.post, "/webhook-endpoints"),
      (.get, "/webhook-endpoints/\(id)"), (.patch, "/webhook-endpoints/\(id)"),
      (.delete, "/webhook-endpoints/\(id)"), (.post, "/webhook-endpoints/\(id)/rotate-secret"),
      (.post, "/webhook-endpoints/\(id)/test"), (.get, "/webhook-endpoints/\(id)/deliveries"),
      (.post, "/webhook-deliveries/\(id)/redeliver"),
    ]
    for (method, target) in routes {
      let refused = try await send(
        bench, method, target, Self.body, Self.key, as: NotificationsBench.staff)
      #expect(refused.problemKind == .forbidden, "\(method.rawValue) \(target)")
    }
  }
}

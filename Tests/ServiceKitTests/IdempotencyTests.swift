import CoreHTTP
import HTTPMessages
import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

@Suite("Idempotency keys", .timeLimit(.minutes(5)))
struct IdempotencyTests {
  /// For requests that are refused and leave nothing behind.
  private static let refusing = Task { try await KitBench() }

  private static let key = "0123456789abcdef"

  /// What the route's handler does after it has written its effect.
  private enum Ending: Sendable {
    case answer(HTTPResponse)
    case refuse(Problem)
    case fail
  }

  private struct Broken: Error {}

  private func router(_ bench: KitBench, ending: Ending) -> Router {
    bench.router { routes in
      routes.post("/things", access: .optional, key: .optional) { call in
        try await call.idempotently { work in
          try await KitBench.note(call.idempotencyKey ?? "", in: work.transaction)
          switch ending {
          case .answer(let response): return response
          case .refuse(let problem): throw problem
          case .fail: throw Broken()
          }
        }
      }
    }
  }

  private func send(
    _ router: Router, body: String = #"{"a":1}"#, key: String? = key
  ) async throws -> HTTPResponse {
    try await router.send(
      .post, "/things", body: body, fields: key.map { [.idempotencyKey: $0] } ?? [:])
  }

  private func keys(_ bench: KitBench) async throws -> Int {
    try await bench.database.value("SELECT count(*) FROM idempotency_keys") ?? 0
  }

  @Test("a key's request has one effect, and its answer is given again with its fields")
  func replay() async throws {
    let bench = try await KitBench()
    var answer = HTTPResponse.json(bytes: Array(#"{"id":1}"#.utf8), status: .created, version: 3)
    answer.fields[.location] = "/things/1"
    let router = router(bench, ending: .answer(answer))
    let first = try await send(router)
    #expect(first.status == .created)
    #expect(first.fields["Idempotent-Replayed"] == nil)
    for _ in 0..<3 {
      let again = try await send(router)
      #expect(again.status == .created)
      #expect(again.body == first.body)
      #expect(again.fields[.location] == "/things/1")
      #expect(again.fields[.etag] == "\"v3\"")
      #expect(again.fields[.contentType] == "application/json")
      #expect(again.fields["Idempotent-Replayed"] == "true")
    }
    #expect(try await bench.effects() == [Self.key])
  }

  @Test("another body with the same key is refused, and has no effect")
  func otherBody() async throws {
    let bench = try await KitBench()
    let router = router(bench, ending: .answer(.noContent))
    _ = try await send(router)
    let other = try await send(router, body: #"{"a":2}"#)
    #expect(other.status.code == 422)
    #expect(other.problemKind == .idempotencyKeyReused)
    #expect(try await bench.effects().count == 1)
  }

  @Test("the same key of somebody else is another key")
  func principals() async throws {
    let bench = try await KitBench()
    let store = IdempotencyStore(database: bench.database)
    for principal in ["user:1", "user:2", "user:1"] {
      _ = try await store.run(
        principal: principal, key: Self.key, fingerprint: [1],
        asProblem: { _ in HTTPResponse(HTTPStatus(500)) }
      ) { work in
        try await KitBench.note(principal, in: work.transaction)
        return .noContent
      }
    }
    #expect(try await bench.effects() == ["user:1", "user:2"])
  }

  @Test("a request without a key is told the one that was made for it, and may repeat with it")
  func madeKey() async throws {
    let bench = try await KitBench()
    let router = router(bench, ending: .answer(.noContent))
    let first = try await send(router, key: nil)
    let key = try #require(first.fields[.idempotencyKey])
    let again = try await send(router, key: key)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(try await bench.effects() == [key])
  }

  @Test(
    "a key that is none is refused before anything happens",
    arguments: [
      "", "short", String(repeating: "a", count: 129), "0123456789abcde!", "0123456789abcde ž",
    ])
  func badKey(key: String) async throws {
    let bench = try await Self.refusing.value
    let response = try await send(router(bench, ending: .answer(.noContent)), key: key)
    #expect(response.problemKind == .malformedRequest)
    #expect(try await bench.effects().isEmpty)
  }

  @Test("of many that arrive together, exactly one has an effect")
  func concurrent() async throws {
    let bench = try await KitBench()
    let router = router(bench, ending: .answer(.json(bytes: Array("{}".utf8), status: .created)))
    let responses = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      for _ in 0..<20 { group.addTask { try await send(router) } }
      return try await group.reduce(into: [HTTPResponse]()) { $0.append($1) }
    }
    #expect(try await bench.effects().count == 1)
    #expect(responses.count { $0.status == .created && !$0.isReplayed } == 1)
    for response in responses where !(response.status == .created) {
      // The first still runs, or so many wait for it that no connection is left.
      let kinds: [FailureKind?] = [.idempotencyInProgress, .dependencyUnavailable]
      #expect(kinds.contains(response.problemKind))
      #expect(response.fields[.retryAfter] != nil)
    }
  }

  @Test("a final refusal after the first write leaves nothing but the key, and is given again")
  func refusal() async throws {
    let bench = try await KitBench()
    let router = router(
      bench, ending: .refuse(Problem(.insufficientStock, "x", members: ["available": 1])))
    let first = try await send(router)
    #expect(first.problemKind == .insufficientStock)
    let again = try await send(router)
    #expect(again.status.code == 409)
    #expect(again.isReplayed)
    #expect(again.problemBody?["available"] == .number("1"))
    #expect(try await bench.effects().isEmpty)
    #expect(try await keys(bench) == 1)
  }

  @Test("what may go better the next time is not stored, nor is what was written before it")
  func notFinal() async throws {
    let bench = try await KitBench()
    let endings: [Ending] = [
      .refuse(Problem(.dependencyUnavailable, "x")), .refuse(Problem(.notFound, "x")),
      .refuse(Problem(.preconditionFailed, "x")), .refuse(Problem(.validationFailed, "x")),
      .refuse(Problem(.insufficientStock, "x", retryAfter: .seconds(1))),
      .refuse(Problem(.operationInProgress, "x")), .fail,
      .answer(HTTPResponse(HTTPStatus(503))), .answer(HTTPResponse(HTTPStatus(500))),
      .answer(HTTPResponse(HTTPStatus(404))),
    ]
    for (index, ending) in endings.enumerated() {
      let key = "0123456789abcde\(index)"
      let failed = try await send(router(bench, ending: ending), key: key)
      #expect(failed.status.code >= 400)
      #expect(try await bench.effects().count == index)
      #expect(try await keys(bench) == index)
      let next = try await send(router(bench, ending: .answer(.noContent)), key: key)
      #expect(next.status.code == 204)
      #expect(try await bench.effects().last == key)
    }
  }

  @Test("outcomes are removed once their time is over, in batches")
  func purge() async throws {
    let bench = try await KitBench()
    let router = router(bench, ending: .answer(.noContent))
    for index in 0..<5 { _ = try await send(router, key: "0123456789abcde\(index)") }
    let store = IdempotencyStore(database: bench.database)
    #expect(try await store.purge(batchMax: 10) == 0)
    try await bench.database.execute(
      """
      UPDATE idempotency_keys SET expires_at = now() - interval '1 second'
      WHERE key < '0123456789abcde3'
      """)
    #expect(try await store.purge(batchMax: 2) == 2)
    #expect(try await store.purge(batchMax: 2) == 1)
    #expect(try await keys(bench) == 2)
  }
}

extension HTTPResponse {
  fileprivate var isReplayed: Bool { fields["Idempotent-Replayed"] == "true" }
}

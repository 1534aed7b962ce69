import CoreHTTP
import HTTPMessages
import Postgres
import Resilience
import SharedKernel
import Synchronization
import Testing

@testable import ServiceKit

/// What surrounds every handler. None of these routes asks the database, so nothing listens there.
@Suite("Request handling")
struct RequestKitTests {
  private struct Broken: Error {}

  private func router(
    caller: @escaping @Sendable (String) throws -> Caller = { .service($0) },
    _ add: (inout Routes) -> Void
  ) throws -> Router {
    let database = Database(
      try DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1:1/none"),
      group: KitBench.loops)
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { $0 }),
        authenticate: { try caller($0) }, logger: KitBench.logger))
    add(&routes)
    return routes.router
  }

  @Test("an id that the client gave is kept, any other is replaced")
  func requestID() async throws {
    let router = try router { $0.get("/x", access: .anyone) { _ in .noContent } }
    func id(_ given: String) async throws -> String? {
      try await router.send(.get, "/x", fields: [.requestID: given]).fields[.requestID]
    }
    #expect(try await id("abc-12345") == "abc-12345")
    for bad in ["short", String(repeating: "a", count: 65), "abc_12345", "abc 12345", "žluťoučký"] {
      let made = try await id(bad)
      #expect(made != bad)
      #expect(made.flatMap { UUID128($0) } != nil)
    }
  }

  @Test("an error that nobody foresaw is a 500 that tells nothing of it")
  func unforeseen() async throws {
    let router = try router { $0.get("/x", access: .anyone) { _ in throw Broken() } }
    let response = try await router.send(.get, "/x")
    #expect(response.status.code == 500)
    #expect(response.problemKind == .internal)
    #expect(!String(decoding: response.body, as: UTF8.self).contains("Broken"))
    #expect(response.fields[.cacheControl] == "no-store")
  }

  @Test("requests that wait leave room for those that work")
  func waiting() async throws {
    let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])
    let router = try router {
      $0.get("/waits", access: .optional, load: .waitingIfAsked) { _ in
        await withCheckedContinuation { gate in waiting.withLock { $0.append(gate) } }
        return .noContent
      }
      $0.get("/works", access: .optional) { _ in .noContent }
    }
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<RequestKit.requestsMax + 1 {
        group.addTask {
          try await router.send(.get, "/waits", fields: [.prefer: "wait=10"]).status.code
        }
      }
      while waiting.withLock(\.count) <= RequestKit.requestsMax { await Task.yield() }
      #expect(try await router.send(.get, "/works").status.code == 204)
      for gate in waiting.withLock({ $0 }) { gate.resume() }
      for try await status in group { #expect(status == 204) }
    }
  }

  @Test("no request is taken for one that waits because its client says so")
  func pretendedWait() async throws {
    let gates = Mutex<[CheckedContinuation<Void, Never>]>([])
    let router = try router {
      $0.get("/works", access: .anyone) { _ in
        await withCheckedContinuation { gate in gates.withLock { $0.append(gate) } }
        return .noContent
      }
      $0.get("/health", access: .anyone, load: .exempt) { _ in .noContent }
    }
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<RequestKit.requestsMax {
        group.addTask {
          try await router.send(.get, "/works", fields: [.prefer: "wait=10"]).status.code
        }
      }
      while gates.withLock(\.count) < RequestKit.requestsMax { await Task.yield() }
      let shed = try await router.send(.get, "/works", fields: [.prefer: "wait=10"])
      #expect(shed.status.code == 503 && shed.fields[.retryAfter] == "1")
      #expect(try await router.send(.get, "/health").status.code == 204)
      for gate in gates.withLock({ $0 }) { gate.resume() }
      for try await status in group { #expect(status == 204) }
    }
  }

  @Test("a key made for a client is told whatever the answer, and is the one that was used")
  func madeKey() async throws {
    struct Lost: Error {}
    let used = Mutex<[String?]>([])
    let router = try router {
      $0.post("/good", access: .anyone, key: .optional) { call in
        used.withLock { $0.append(call.idempotencyKey) }
        return .noContent
      }
      $0.post("/lost", access: .anyone, key: .optional) { call in
        used.withLock { $0.append(call.idempotencyKey) }
        throw Lost()
      }
      $0.post("/none", access: .anyone) { _ in .noContent }
    }
    let good = try await router.send(.post, "/good")
    let lost = try await router.send(.post, "/lost")
    #expect(lost.status.code == 500)
    let told = [good, lost].map { $0.fields[.idempotencyKey] }
    #expect(told.allSatisfy { $0.flatMap { UUID128($0) } != nil })
    #expect(used.withLock { $0 } == told)
    let given = try await router.send(
      .post, "/lost", fields: [.idempotencyKey: "a-key-of-the-clients"])
    #expect(given.fields[.idempotencyKey] == nil)
    #expect(used.withLock { $0.last } == "a-key-of-the-clients")
    #expect(try await router.send(.post, "/none").fields[.idempotencyKey] == nil)
  }

  @Test("a handler is cancelled when its caller's time is over; without one it is not")
  func callersTime() async throws {
    let wasCancelled = Atomic(false)
    let router = try router {
      $0.get("/slow", access: .anyone) { _ in
        do {
          try await Task.sleep(for: .seconds(60))
        } catch {
          wasCancelled.store(true, ordering: .relaxed)
          throw error
        }
        return .noContent
      }
    }
    let response = try await router.send(.get, "/slow", fields: [.requestTimeout: "20"])
    #expect(response.problemKind == .deadlineExceeded)
    let isCancelled = wasCancelled.load(ordering: .relaxed)
    #expect(isCancelled)
  }

  @Test("a streamed body belongs to its request, and outlives the request's deadline")
  func stream() async throws {
    let router = try router {
      $0.get("/x", access: .anyone) { _ in
        HTTPResponse(
          .ok,
          stream: HTTPBodyStream(isEndless: true) { body in
            try await body.write(
              "\(RequestScope.current?.requestID ?? "") \(Deadline.current == nil)")
          })
      }
    }
    let response = try await router.send(.get, "/x", fields: [.requestID: "abc-12345"])
    let stream = try #require(response.stream)
    #expect(stream.isEndless)
    let text = Text()
    try await stream.produce(text)
    #expect(text.whole == "abc-12345 true")
  }

  /// Keeps what is written.
  private final class Text: HTTPBodyWriter {
    private let text = Mutex("")
    var whole: String { text.withLock { $0 } }

    func write(_ piece: [UInt8]) async throws {
      text.withLock { $0 += String(decoding: piece, as: UTF8.self) }
    }
  }

  @Test("the router's own refusals are problems too")
  func router() async throws {
    let router = try router { $0.get("/x", access: .anyone) { _ in .noContent } }
    let missing = try await router.send(.get, "/y")
    #expect(missing.problemKind == .notFound)
    #expect(missing.fields[.requestID] != nil)
    let method = try await router.send(.post, "/x")
    #expect(method.problemKind == .methodNotAllowed)
    #expect(method.fields[.allow]?.contains("GET") == true)
  }

  @Test(
    "only a bearer token is looked at",
    arguments: [
      ("Bearer order-service", nil), ("bearer order-service", nil),
      ("Bearer   order-service ", nil), ("Bearer user-service", .forbidden),
      ("Basic b3JkZXI6", .unauthenticated), ("Bearer", .unauthenticated), ("", .unauthenticated),
    ] as [(String, FailureKind?)])
  func token(field: String, kind: FailureKind?) async throws {
    let router = try router {
      $0.get("/x", access: .services(["order-service"])) { _ in .noContent }
    }
    let response = try await router.send(.get, "/x", fields: [.authorization: field])
    #expect(response.problemKind == kind)
  }

  @Test("time that was spent before the request arrived is not worked in", arguments: ["0", "-5"])
  func spent(milliseconds: String) async throws {
    let router = try router(caller: { _ in throw Broken() }) {
      $0.get("/x", access: .anyone) { _ in .noContent }
    }
    // Who it is does not matter then: nobody looks.
    let response = try await router.send(
      .get, "/x", fields: [.requestTimeout: milliseconds, .authorization: "Bearer x"])
    #expect(response.problemKind == .deadlineExceeded)
    #expect(try await router.send(.get, "/x", fields: [.requestTimeout: "5000"]).status.code == 204)
  }

  @Test(
    "what was repeated here in vain is not to be repeated by the caller", arguments: [true, false])
  func pushback(isSpent: Bool) async throws {
    let router = try router {
      $0.get("/x", access: .anyone) { _ in
        throw UpstreamFailure(
          target: "peer", reason: .unavailable, cause: "a test", retriesAreSpent: isSpent)
      }
    }
    let response = try await router.send(.get, "/x")
    #expect(response.status.code == 503)
    #expect(response.fields["X-Retry-Pushback-Ms"] == (isSpent ? "-1" : nil))
  }

  @Test(
    "how long a client would wait is read from Prefer, within bounds",
    arguments: [
      ("wait=7", 7), ("WAIT=7", 7), ("respond-async, wait=7", 7), ("wait = 7", 7), ("wait=99", 10),
      ("wait=-1", 0), ("wait=0", 0), ("wait=x", 5), ("wait", 5), ("", 5), ("waiting=7", 5),
      ("wait=7; note=x", 7), ("wait=\"7\"", 5),
    ])
  func prefer(field: String, seconds: Int) async throws {
    let router = try router {
      $0.get("/x", access: .anyone) { call in
        try .json(call.waitPreference(standard: .seconds(5)).components.seconds)
      }
    }
    let response = try await router.send(.get, "/x", fields: [.prefer: field])
    #expect(String(decoding: response.body, as: UTF8.self) == "\(seconds)")
  }

  @Test(
    "a change needs the version that it is made to",
    arguments: [
      (nil, .preconditionRequired), ("\"v3\"", nil), ("*", nil), ("\"v1\", \"v3\"", nil),
      ("\"v3-gzip\"", nil), ("\"v2\"", .preconditionFailed), ("v3", .preconditionFailed),
    ] as [(String?, FailureKind?)])
  func match(field: String?, kind: FailureKind?) async throws {
    let router = try router {
      $0.put("/x", access: .anyone) { call in
        try call.requireMatch(version: 3)
        return .noContent
      }
    }
    let response = try await router.send(
      .put, "/x", fields: field.map { [.ifMatch: $0] } ?? [:])
    #expect(response.problemKind == kind)
    if kind != nil { #expect(response.problemBody?["currentVersion"] == .number("3")) }
  }

  @Test(
    "a body is JSON in UTF-8, and says so",
    arguments: [
      ("application/json", "{}", nil), ("application/json; charset=utf-8", "{}", nil),
      ("Application/JSON;charset=\"UTF-8\"", "{}", nil),
      ("application/merge-patch+json", "{}", nil),
      ("application/json; charset=latin1", "{}", .unsupportedMediaType),
      ("text/plain", "{}", .unsupportedMediaType), (nil, "{}", .unsupportedMediaType),
      (nil, "", .malformedRequest), ("application/json", "", .malformedRequest),
      ("application/json", "{", .malformedRequest),
      ("application/json", "{\"a\":1,\"a\":2}", .malformedRequest),
      ("application/json", "{\"a\":1}", .validationFailed),
      ("application/json", "[]", .validationFailed),
    ] as [(String?, String, FailureKind?)])
  func body(type: String?, text: String, kind: FailureKind?) async throws {
    struct Empty: Decodable {
      enum CodingKeys: CodingKey {}
      init(from decoder: any Decoder) throws {
        _ = try decoder.container(keyedBy: CodingKeys.self)
      }
    }
    let router = try router {
      $0.post("/x", access: .anyone) { call in
        _ = try call.json(Empty.self)
        return .noContent
      }
    }
    var request = HTTPRequest(.post, "/x", body: Array(text.utf8))
    if let type { request.fields[.contentType] = type }
    #expect(try await router.handle(request).problemKind == kind)
  }

  @Test("a list's next page is told with all of its other parameters")
  func link() async throws {
    let router = try router {
      $0.get("/x", access: .anyone) { call in
        try .page(Page(elements: [1], next: Cursor(["1"])), of: call)
      }
    }
    let response = try await router.send(.get, "/x?q=a%20b&cursor=old&limit=1")
    #expect(response.fields[.link] == "</x?q=a%20b&limit=1&cursor=MQ>; rel=\"next\"")
  }

  @Test("a query's names are known and given once")
  func query() async throws {
    let router = try router {
      $0.get("/x", access: .anyone) { call in
        let query = try call.query(["ids", "q", "attr."])
        return try .json([
          query.text("q") ?? "-", "\(try query.list("ids", of: Int.self, countMax: 3) ?? [])",
          query.all(prefix: "attr.")["color"] ?? "-",
        ])
      }
    }
    func answer(_ query: String) async throws -> String {
      let response = try await router.send(.get, "/x?\(query)")
      return response.problemKind?.rawValue ?? String(decoding: response.body, as: UTF8.self)
    }
    #expect(try await answer("q=a+b&ids=1,2&attr.color=red") == #"["a b","[1, 2]","red"]"#)
    #expect(try await answer("") == #"["-","[]","-"]"#)
    for bad in ["x=1", "q=1&q=2", "ids=1,x", "ids=", "ids=1,,2", "ids=1,2,3,4"] {
      #expect(try await answer(bad) == "validation-failed", "\(bad)")
    }
    #expect(try await answer("q=%zz") == "malformed-request")
  }
}

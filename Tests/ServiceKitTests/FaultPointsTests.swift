import CoreHTTP
import HTTPMessages
import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

struct FaultRuleTests {
  private func rule(_ json: String) throws -> FaultRule {
    try JSONDecoding.decode(FaultRule.self, from: Array(json.utf8))
  }

  private func firings(_ json: String, of passes: Int = 20) throws -> [Int] {
    let rule = try rule(json)
    var counter = FaultCounter(rule)
    return (1...passes).filter { _ in counter.meet(rule) }
  }

  @Test(
    "a rule fires at the passes it names, at every so-many-th, or always, and no oftener than told")
  func counts() throws {
    #expect(try firings(#"{"point": "p", "action": "drop", "nth": [3, 5]}"#) == [3, 5])
    #expect(try firings(#"{"point": "p", "action": "drop", "every": 6}"#) == [6, 12, 18])
    #expect(try firings(#"{"point": "p", "action": "drop", "times": 2}"#) == [1, 2])
    #expect(try firings(#"{"point": "p", "action": "drop", "every": 2, "times": 1}"#) == [2])
  }

  @Test("with a seed it fires at random, and the same seed at the same passes")
  func seeded() throws {
    let one = try firings(#"{"point": "p", "action": "drop", "every": 4, "seed": 1}"#, of: 400)
    #expect((70...130).contains(one.count))
    #expect(
      try firings(#"{"point": "p", "action": "drop", "every": 4, "seed": 1}"#, of: 400) == one)
    #expect(
      try firings(#"{"point": "p", "action": "drop", "every": 4, "seed": 2}"#, of: 400) != one)
  }

  @Test(
    "actions are read as the contract writes them",
    arguments: [
      "delay 200", "status 503", "drop", "truncate", "kill",
    ])
  func actions(text: String) throws {
    #expect(FaultAction(text)?.description == text)
  }

  @Test(
    "what is no action is refused",
    arguments: [
      "", "delay", "delay x", "delay 60001", "status 200", "status 600", "kill 1", "explode",
    ])
  func noActions(text: String) {
    #expect(FaultAction(text) == nil)
    #expect(throws: ValidationFailure.self) {
      try rule(#"{"point": "p", "action": "\#(text)"}"#)
    }
  }

  @Test(
    "numbers out of bounds, nth beside every and unknown members are refused",
    arguments: [
      #"{"point": "p", "action": "drop", "nth": []}"#,
      #"{"point": "p", "action": "drop", "nth": [0]}"#,
      #"{"point": "p", "action": "drop", "every": 0}"#,
      #"{"point": "p", "action": "drop", "times": 0}"#,
      #"{"point": "p", "action": "drop", "nth": [1], "every": 2}"#,
      #"{"point": "q", "action": "drop"}"#, #"{"point": "p", "action": "drop", "often": true}"#,
    ])
  func refused(json: String) {
    #expect(throws: ValidationFailure.self) { try rule(json).check(points: ["p"]) }
  }
}

/// What happens at each point. None of these routes asks the database.
struct FaultPointsTests {
  private let points = FaultPoints(
    peers: ["payment"], further: ["saga.S2.after"], logger: KitBench.logger)

  private func router() throws -> Router {
    let database = Database(
      try DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1:1/none"), group: KitBench.loops)
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { $0 }),
        authenticate: {
          $0 == "admin" ? .user(.new(), role: .admin, session: .v7()) : .service($0)
        },
        faults: points, logger: KitBench.logger))
    FaultRoutes(points: points).add(to: &routes)
    routes.get("/x/{id}", access: .anyone) { _ in try .json(["answer": "whole"]) }
    return routes.router
  }

  private func add(_ json: String, to router: Router) async throws -> HTTPResponse {
    try await router.send(.post, "/admin/faults", as: "admin", body: json)
  }

  @Test(
    "points are listed, a rule is added, seen with its counts and removed, by administrators alone")
  func administration() async throws {
    let router = try router()
    let added = try await add(
      #"{"point": "http.request", "action": "status 503", "nth": [2]}"#, to: router)
    #expect(added.status == .created)
    for status in [200, 503, 200] {
      #expect(try await router.send(.get, "/x/1").status.code == status)
    }
    let seen = try await router.send(.get, "/admin/faults", as: "admin")
    let text = String(decoding: seen.body, as: UTF8.self)
    #expect(text.contains("client.payment.before"))
    #expect(text.contains("saga.S2.after"))
    #expect(text.contains(#""met":3,"fired":1"#), "\(text)")
    #expect(try await router.send(.delete, "/admin/faults/1", as: "admin").status == .noContent)
    #expect(try await router.send(.delete, "/admin/faults/1", as: "admin").status == .notFound)
    #expect(points.all.isEmpty)
    let stranger = try await router.send(.get, "/admin/faults", as: "order-service")
    #expect(stranger.status == .forbidden)
  }

  @Test("a status takes the answer's place, and the answer says which fault fired")
  func status() async throws {
    let router = try router()
    _ = try await add(
      #"{"point": "http.response", "action": "status 500", "match": {"path": "/x/2"}}"#, to: router)
    let spared = try await router.send(.get, "/x/1")
    #expect(spared.status == .ok)
    #expect(spared.fields["X-Fault-Trace"] == nil)
    let hit = try await router.send(.get, "/x/2")
    #expect(hit.status.code == 500)
    #expect(hit.fields["X-Fault-Trace"] == "http.response=status 500")
  }

  @Test(
    "a truncated answer breaks after its half, a dropped one before it begins",
    arguments: [
      ("truncate", "\"answer\""), ("drop", ""),
    ])
  func broken(action: String, seen: String) async throws {
    let router = try router()
    _ = try await add(#"{"point": "http.response", "action": "\#(action)"}"#, to: router)
    let response = try await router.send(.get, "/x/1")
    let stream = try #require(response.stream)
    let writer = Collected()
    await #expect(throws: CancellationError.self) { try await stream.produce(writer) }
    let whole = #"{"answer":"whole"}"#
    let text = await writer.text
    #expect(whole.hasPrefix(text) && text.count == (seen.isEmpty ? 0 : whole.count / 2))
  }

  @Test("a rule is for requests with that header or key alone")
  func matches() async throws {
    let router = try router()
    _ = try await add(
      #"{"point": "http.request", "action": "status 503", "match": {"header": "X-Drill: yes"}}"#,
      to: router)
    _ = try await add(
      #"{"point": "http.request", "action": "status 504", "match": {"key": "one-key-of-many-1"}}"#,
      to: router)
    #expect(try await router.send(.get, "/x/1").status == .ok)
    #expect(try await router.send(.get, "/x/1", fields: ["X-Drill": "yes"]).status.code == 503)
    #expect(
      try await router.send(.get, "/x/1", fields: [.idempotencyKey: "one-key-of-many-1"]).status
        .code
        == 504)
  }

  @Test("nothing goes wrong on the way to the faults themselves")
  func spared() async throws {
    let router = try router()
    let added = try await add(#"{"point": "http.response", "action": "drop"}"#, to: router)
    #expect(added.status == .created)
    #expect(try await router.send(.get, "/admin/faults", as: "admin").status == .ok)
  }

  @Test("at a point that is no message, everything but a delay is an error")
  func passing() async throws {
    let rule = try JSONDecoding.decode(
      FaultRule.self,
      from: Array(
        #"{"point": "saga.S2.after", "action": "drop", "match": {"path": "c"}, "times": 1}"#.utf8))
    try await points.pass("saga.S2.after", kind: "capture")
    _ = try points.add(rule)
    try await points.pass("saga.S2.after", kind: "authorize")
    await #expect(throws: InjectedFault.self) {
      try await points.pass("saga.S2.after", kind: "capture")
    }
    try await points.pass("saga.S2.after", kind: "capture")
  }
}

private actor Collected: HTTPBodyWriter {
  private var bytes: [UInt8] = []

  func write(_ piece: [UInt8]) { bytes += piece }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

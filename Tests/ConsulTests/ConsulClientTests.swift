import Glibc
import HTTPClient
import HTTPMessages
import Testing

@testable import Consul

@Suite("ConsulClient")
struct ConsulClientTests {
  @Test("a request has the prefix, escaped segments, the scope and the token in its header alone")
  func request() async throws {
    let fake = FakeConsul { _ in FakeConsul.json("[]", index: 7) }
    var configuration = ConsulConfiguration()
    configuration.pathPrefix = "/consul"
    configuration.token = "s3cret"
    configuration.namespace = "team a"
    let client = ConsulClient(configuration, http: fake)
    let answer = try await client.health(of: "a/b", index: 6, wait: .seconds(55))
    #expect(answer.index == 7)
    let request = try #require(fake.requests.first)
    #expect(
      request.target
        == "/consul/v1/health/service/a%2Fb?passing=1&index=6&wait=55s&ns=team%20a")
    #expect(request.fields["X-Consul-Token"] == "s3cret")
    #expect(request.timeout == .seconds(55) + .seconds(55) / 16 + .seconds(5))
    #expect(request.authority == "127.0.0.1:8500")
  }

  @Test("index 0 is never sent")
  func noZeroIndex() async throws {
    let fake = FakeConsul { _ in FakeConsul.json("[]", index: 7) }
    _ = try await ConsulClient(.init(), http: fake).health(of: "a")
    #expect(fake.requests.first?.target == "/v1/health/service/a?passing=1")
    #expect(fake.requests.first?.timeout == .seconds(10))
  }

  @Test(
    "an answer that is no success is told by what it means",
    arguments: [
      (400, "Unknown field", ConsulError.badRequest("Unknown field")),
      (403, "ACL not found", .forbidden("ACL not found")),
      (404, "", .notFound),
      (500, "rpc error: No cluster leader", .noLeader),
      (500, "CheckID \"x\" does not have associated TTL", .checkLost),
      (500, "else", .unavailable(status: 500)),
      (429, "", .unavailable(status: 429)),
      (302, "", .badAnswer("status 302")),
    ])
  func errors(status: Int, body: String, error: ConsulError) async {
    let client = ConsulClient(
      .init(), http: FakeConsul { _ in FakeConsul.json(body, status: status) })
    await #expect(throws: error) { try await client.leader() }
  }

  @Test("no answer at all is unreachable; a cancelled caller is told so")
  func noAnswer() async {
    let refused = ConsulClient(
      .init(), http: FakeConsul { _ in throw HTTPClientError.notSent(.connectionRefused) })
    let error = await #expect(throws: ConsulError.self) { try await refused.leader() }
    #expect(error?.category == "unreachable")
    let cancelled = ConsulClient(.init(), http: FakeConsul { _ in throw CancellationError() })
    await #expect(throws: CancellationError.self) { try await cancelled.leader() }
  }

  @Test("what is not the API's JSON is a bad answer", arguments: ["", "{", "{\"a\":1}", "7"])
  func badJSON(body: String) async {
    let client = ConsulClient(.init(), http: FakeConsul { _ in FakeConsul.json(body) })
    let error = await #expect(throws: ConsulError.self) { try await client.health(of: "a") }
    #expect(error?.category == "bad-answer")
  }

  @Test("a token's file wins over the token and is read again when it changes")
  func tokenFile() async throws {
    var template = Array("/tmp/shop-token-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    defer { unlink(path) }
    _ = write(descriptor, "first\n", 6)
    let fake = FakeConsul { _ in FakeConsul.json("\"\"") }
    var configuration = ConsulConfiguration()
    configuration.token = "setting"
    configuration.tokenFile = path
    let client = ConsulClient(configuration, http: fake)
    _ = try await client.leader()
    pwrite(descriptor, "other\n", 6, 0)
    // Two writes within one tick of the file system's clock would leave one time.
    var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    futimens(descriptor, &times)
    _ = try await client.leader()
    // Emptied for a moment, by somebody who replaces it.
    pwrite(descriptor, "\n    \n", 6, 0)
    times = [timespec(tv_sec: 2, tv_nsec: 0), timespec(tv_sec: 2, tv_nsec: 0)]
    futimens(descriptor, &times)
    close(descriptor)
    _ = try await client.leader()
    #expect(fake.requests.map { $0.fields["X-Consul-Token"] } == ["first", "other", "other"])
  }

  // MARK: Answers

  @Test("instances are ordered, without doubles at one address and without those that have no port")
  func endpoints() async throws {
    let client = ConsulClient(
      .init(),
      http: FakeConsul { _ in
        FakeConsul.json(
          """
          [{"Node":{"Node":"n","Address":"10.0.0.9"},
            "Service":{"ID":"c","Service":"s","Address":"","Port":80,"Weights":{"Passing":3,"Warning":1}}},
           {"Node":null,"Service":{"ID":"ghost","Address":"10.0.0.1","Port":80,"CreateIndex":5}},
           {"Service":{"ID":"b","Address":"10.0.0.1","Port":80,"CreateIndex":9,"Meta":{"zone":"z"},
            "New":{"unknown":true}},"Checks":null},
           {"Service":{"ID":"portless","Address":"10.0.0.2","Port":0}},
           {"Service":{"ID":"a","Address":"::1","Port":80,"Meta":null}}]
          """, index: 3)
      })
    let answer = try await client.health(of: "s")
    #expect(
      answer.endpoints == [
        Endpoint(id: "a", host: "::1", port: 80),
        Endpoint(id: "b", host: "10.0.0.1", port: 80, zone: "z"),
        Endpoint(id: "c", host: "10.0.0.9", port: 80, weight: 3),
      ])
    #expect(answer.endpoints[0].authority == "[::1]:80")
  }

  @Test("null is an empty list; an agent without a leader says so")
  func nullAndLeader() async throws {
    let client = ConsulClient(
      .init(),
      http: FakeConsul { _ in
        FakeConsul.json("null", index: 1, fields: ["X-Consul-KnownLeader": "false"])
      })
    let answer = try await client.health(of: "s")
    #expect(answer.endpoints.isEmpty)
    #expect(!answer.hasLeader)
  }

  @Test("durations are written as Go reads them")
  func durations() {
    #expect(ConsulClient.text(.seconds(120)) == "120s")
    #expect(ConsulClient.text(.milliseconds(1500)) == "1500ms")
    #expect(ConsulClient.text(.seconds(-1)) == "0s")
  }
}

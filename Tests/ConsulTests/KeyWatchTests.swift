import TestSupport
import Testing

@testable import Consul

@Suite("KeyWatch, with a real agent", .timeLimit(.minutes(2)))
struct KeyWatchTests {
  @Test("a key that is not there is told as such, then each of its values, then its end")
  func followsChanges() async throws {
    let client = try client(of: try await sharedConsul())
    let key = "watched/log level"
    let told = Told<KeyEvent>()
    let watch = KeyWatch(key: key, client: client, report: told.report)
    let running = Task { await watch.run() }
    #expect(await told.wait { _ in true } == .value(nil))
    try await client.setValue("debug", of: key)
    #expect(await told.wait { _ in true } == .value("debug"))
    // Another key of the store wakes nobody, and the same value again is no news.
    try await client.setValue("x", of: "watched/other")
    try await client.setValue("debug", of: key)
    try await client.setValue("", of: key)
    #expect(await told.wait { _ in true } == .value(""))
    try await client.removeValue(of: key)
    #expect(await told.wait { _ in true } == .value(nil))
    running.cancel()
    await running.value
  }

  @Test("a value stays in use while Consul is away, and while it has just forgotten it")
  func survivesRestart() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    try await client.setValue("debug", of: "held")
    let told = Told<KeyEvent>()
    let watch = KeyWatch(key: "held", client: client, report: told.report)
    let running = Task { await watch.run() }
    #expect(await told.wait { _ in true } == .value("debug"))
    try await consul.stop()
    await told.wait { if case .degraded = $0 { true } else { false } }
    try await consul.startAgain()
    #expect(await told.wait { _ in true } == .recovered)
    // Not told as gone: what comes next is the value that is written anew.
    try await client.setValue("trace", of: "held")
    #expect(await told.wait { _ in true } == .value("trace"))
    running.cancel()
    await running.value
    try await consul.stop()
  }

  @Test("a refusal is none of an absent key, and makes the token be read anew")
  func refused() async throws {
    let fake = FakeConsul { _ in FakeConsul.json("Permission denied", status: 403) }
    await #expect(throws: ConsulError.forbidden("Permission denied")) {
      try await ConsulClient(.init(), http: fake).value(of: "a/b c")
    }
    #expect(fake.requests.first?.target == "/v1/kv/a/b%20c?raw=1")
  }
}

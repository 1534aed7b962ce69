import TestSupport
import Testing

@testable import Consul

@Suite("ServiceWatch, with a real agent", .timeLimit(.minutes(2)))
struct ServiceWatchTests {
  @Test("a watch on a service that nobody knows waits, and sees the first instance and its end")
  func followsChanges() async throws {
    let client = try client(of: try await sharedConsul())
    let told = Told<WatchEvent>()
    let watch = ServiceWatch(service: "followed", client: client, report: told.report)
    #expect(watch.current.source == .unresolved)
    let running = Task { await watch.run() }
    #expect(await told.wait { $0.list != nil }?.list == [])
    #expect(watch.current.source == .live)
    let instance = try readyInstance()
    defer { instance.close() }
    let wanted = ServiceRegistration(name: "followed", host: "127.0.0.1", port: instance.port)
    try await client.register(wanted, boot: "b")
    await told.wait { $0.list?.map(\.id) == [wanted.id] }
    #expect(watch.current.endpoints.map(\.authority) == [instance.authority])
    #expect(watch.current.index > 0)
    try await client.deregister(wanted.id)
    await told.wait { $0.list?.isEmpty == true }
    #expect(watch.current.endpoints.isEmpty)
    running.cancel()
    await running.value
  }

  @Test("the last list holds through an outage and an agent's loss of memory")
  func survivesRestart() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let instance = try readyInstance()
    defer { instance.close() }
    let wanted = ServiceRegistration(name: "held", host: "127.0.0.1", port: instance.port)
    try await client.register(wanted, boot: "b")
    let told = Told<WatchEvent>()
    let watch = ServiceWatch(service: "held", client: client, report: told.report)
    let running = Task { await watch.run() }
    await told.wait { $0.list?.count == 1 }
    try await consul.stop()
    await told.wait { if case .degraded = $0 { true } else { false } }
    #expect(watch.current.source == .held)
    #expect(watch.current.endpoints.map(\.id) == [wanted.id])
    try await consul.startAgain()
    await told.wait { if case .held = $0 { true } else { false } }
    #expect(watch.current.endpoints.map(\.id) == [wanted.id])
    // The instance comes back, and another with it.
    try await client.register(wanted, boot: "b")
    var other = wanted
    other.host = "localhost"
    try await client.register(other, boot: "b")
    await told.wait { $0.list?.count == 2 }
    #expect(watch.current.source == .live)
    running.cancel()
    await running.value
    try await consul.stop()
  }

  @Test("there is no list while none has come")
  func neverResolved() async throws {
    let port = try LoopbackPort.free(1)[0]
    let client = ConsulClient(
      try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": "127.0.0.1:\(port)"]),
      http: FakeConsul { _ in throw ConsulError.unreachable("nobody") })
    let told = Told<WatchEvent>()
    let watch = ServiceWatch(service: "absent", client: client, report: told.report)
    let running = Task { await watch.run() }
    await told.wait { if case .degraded = $0 { true } else { false } }
    #expect(watch.current.source == .unresolved)
    #expect(watch.current.age() == nil)
    running.cancel()
    await running.value
  }

  @Test("cancellation ends a poll at once")
  func cancellation() async throws {
    let client = try client(of: try await sharedConsul())
    let told = Told<WatchEvent>()
    let watch = ServiceWatch(service: "cancelled", client: client, report: told.report)
    let running = Task { await watch.run() }
    await told.wait { $0.list != nil }
    let clock = ContinuousClock()
    let elapsed = await clock.measure {
      running.cancel()
      await running.value
    }
    #expect(elapsed < .seconds(1))
  }

  @Test("an agent that answers at once with the same list is not asked in a busy loop")
  func noBusyLoop() async throws {
    let asked = Told<Int>()
    let fake = FakeConsul { _ in
      asked.report(1)
      return FakeConsul.json("[]", index: 5)
    }
    let watch = ServiceWatch(service: "busy", client: ConsulClient(.init(), http: fake))
    let started = ContinuousClock.now
    let running = Task { await watch.run() }
    for _ in 1...4 { await asked.wait { _ in true } }
    // The burst of two, then half a second for each.
    #expect(ContinuousClock.now - started >= .milliseconds(999))
    running.cancel()
    await running.value
  }
}

extension WatchEvent {
  fileprivate var list: [Endpoint]? {
    if case .endpoints(let list) = self { list } else { nil }
  }
}

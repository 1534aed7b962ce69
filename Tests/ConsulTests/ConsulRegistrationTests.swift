import HTTPMessages
import Synchronization
import TestSupport
import Testing

@testable import Consul

@Suite("ConsulRegistration, with a real agent", .timeLimit(.minutes(2)))
struct ConsulRegistrationTests {
  @Test("an instance is seen as passing at once, and gone when it deregisters")
  func registers() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    var wanted = ServiceRegistration(name: "registers", host: "127.0.0.1", port: instance.port)
    wanted.tags = ["v1"]
    wanted.meta = ["version": "1.0", "zone": "east"]
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(wanted, client: client, report: told.report)
    let running = Task { await registration.run() }
    #expect(await told.wait { _ in true } == .registered(.initial))
    #expect(registration.isRegistered)
    let listed = try await client.health(of: "registers").endpoints
    #expect(
      listed == [
        Endpoint(
          id: "registers-127.0.0.1-\(instance.port)", host: "127.0.0.1", port: instance.port,
          zone: "east")
      ])
    let held = try await client.agentService(wanted.id)
    #expect(held?.service.meta["boot"] == registration.boot)
    running.cancel()
    await running.value
    await registration.deregister()
    #expect(await told.wait { _ in true } == .deregistered)
    #expect(!registration.isRegistered)
    #expect(try await client.health(of: "registers", onlyPassing: false).endpoints.isEmpty)
  }

  @Test("an agent that has restarted without its state is told again")
  func agentRestarted() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let instance = try readyInstance()
    defer { instance.close() }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      ServiceRegistration(name: "restarted", host: "127.0.0.1", port: instance.port),
      client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { $0 == .registered(.initial) }
    try await consul.stop()
    await told.wait { if case .failed = $0 { true } else { false } }
    try await consul.startAgain()
    await told.wait { $0 == .registered(.lost) }
    #expect(try await client.agentService(registration.registration.id) != nil)
    running.cancel()
    await running.value
    try await consul.stop()
  }

  @Test("a service that starts before Consul does registers when it comes")
  func consulLate() async throws {
    let consul = try await PrivateConsul.start()
    try await consul.stop()
    let client = try client(of: consul)
    let instance = try readyInstance()
    defer { instance.close() }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      ServiceRegistration(name: "early", host: "127.0.0.1", port: instance.port),
      client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { if case .failed(.unreachable) = $0 { true } else { false } }
    #expect(!registration.isRegistered)
    try await consul.startAgain()
    await told.wait { $0 == .registered(.initial) }
    running.cancel()
    await running.value
    try await consul.stop()
  }

  @Test("a deregistration by someone else is noticed and mended")
  func deregisteredElsewhere() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      ServiceRegistration(name: "removed", host: "127.0.0.1", port: instance.port),
      client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { $0 == .registered(.initial) }
    try await client.deregister(registration.registration.id)
    // Drift, if it was looked at between the service's removal and its check's.
    await told.wait { $0 == .registered(.lost) || $0 == .registered(.drift) }
    #expect(try await client.health(of: "removed").endpoints.count == 1)
    running.cancel()
    await running.value
    await registration.deregister()
  }

  @Test("a registration that someone changed is put right")
  func drift() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    var wanted = ServiceRegistration(name: "drifts", host: "127.0.0.1", port: instance.port)
    wanted.tags = ["blue"]
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(wanted, client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { $0 == .registered(.initial) }
    var changed = wanted
    changed.tags = ["green"]
    try await client.register(changed, boot: registration.boot)
    await told.wait { $0 == .registered(.drift) }
    #expect(try await client.agentService(wanted.id)?.service.tags == ["blue"])
    running.cancel()
    await running.value
    await registration.deregister()
  }

  @Test("a newer process keeps the id: the older one stops, and does not deregister it")
  func yields() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    let wanted = ServiceRegistration(name: "yields", host: "127.0.0.1", port: instance.port)
    let told = Told<RegistrationEvent>()
    let older = ConsulRegistration(wanted, client: client, report: told.report)
    let olderRunning = Task { await older.run() }
    await told.wait { $0 == .registered(.initial) }
    let newer = ConsulRegistration(wanted, client: client)
    let newerRunning = Task { await newer.run() }
    guard await told.wait(for: { $0 == .yielded(toBoot: newer.boot) }) != nil else {
      olderRunning.cancel()
      newerRunning.cancel()
      Issue.record("it did not yield")
      return
    }
    await olderRunning.value
    #expect(!older.isRegistered)
    await older.deregister()
    #expect(try await client.agentService(wanted.id)?.service.meta["boot"] == newer.boot)
    newerRunning.cancel()
    await newerRunning.value
    await newer.deregister()
  }

  @Test("an older registration of the same address under another id is removed first")
  func ghost() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    _ = try await client.send(
      .put, ["agent", "service", "register"],
      body: Array(
        #"{"ID":"ghost-1","Name":"haunted","Address":"127.0.0.1","Port":\#(instance.port)}"#.utf8))
    #expect(try await client.health(of: "haunted").endpoints.map(\.id) == ["ghost-1"])
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      ServiceRegistration(name: "haunted", host: "127.0.0.1", port: instance.port),
      client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { $0 == .registered(.initial) }
    #expect(
      try await client.health(of: "haunted", onlyPassing: false).endpoints.map(\.id)
        == [registration.registration.id])
    running.cancel()
    await running.value
    await registration.deregister()
  }

  @Test(
    "an instance in maintenance stays out of the list when the agent has forgotten it and is told again"
  )
  func maintenanceOutlivesAgent() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let instance = try readyInstance()
    defer { instance.close() }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      ServiceRegistration(name: "maintained", host: "127.0.0.1", port: instance.port),
      client: client, report: told.report)
    let running = Task { await registration.run() }
    await told.wait { $0 == .registered(.initial) }
    try await registration.setMaintenance("a new disk")
    #expect(try await client.health(of: "maintained").endpoints.isEmpty)
    try await consul.stop()
    try await consul.startAgain()
    await told.wait { $0 == .registered(.lost) }
    #expect(try await client.health(of: "maintained").endpoints.isEmpty)
    #expect(try await client.health(of: "maintained", onlyPassing: false).endpoints.count == 1)
    try await registration.setMaintenance(nil)
    #expect(try await client.health(of: "maintained").endpoints.count == 1)
    running.cancel()
    await running.value
    try await consul.stop()
  }

  @Test("an instance's weight reaches whoever looks it up")
  func weight() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    var wanted = ServiceRegistration(name: "weighs", host: "127.0.0.1", port: instance.port)
    wanted.weight = 7
    try await client.register(wanted, boot: "b")
    #expect(try await client.health(of: "weighs").endpoints.map(\.weight) == [7])
    #expect(try await client.agentService(wanted.id)?.service.weight == 7)
    try await client.deregister(wanted.id)
  }

  @Test("maintenance takes an instance out of the list and puts it back")
  func maintenance() async throws {
    let client = try client(of: try await sharedConsul())
    let instance = try readyInstance()
    defer { instance.close() }
    let wanted = ServiceRegistration(name: "maintained", host: "127.0.0.1", port: instance.port)
    try await client.register(wanted, boot: "b")
    try await client.setMaintenance(wanted.id, isOn: true, reason: "a test")
    #expect(try await client.health(of: "maintained").endpoints.isEmpty)
    try await client.setMaintenance(wanted.id, isOn: false)
    #expect(try await client.health(of: "maintained").endpoints.count == 1)
    try await client.deregister(wanted.id)
  }
}

@Suite("ConsulRegistration, by script", .timeLimit(.minutes(1)))
struct ConsulRegistrationScriptTests {
  let wanted = ServiceRegistration(name: "s", host: "h", port: 1)

  @Test("a registration on its way when the task is cancelled is awaited, so that none follows")
  func cancelledMeanwhile() async throws {
    let (arrived, arrivals) = AsyncStream<Void>.makeStream()
    let (allowed, permission) = AsyncStream<Void>.makeStream()
    let wasCancelled = Mutex<Bool?>(nil)
    let fake = FakeConsul { request in
      guard request.path == "/v1/agent/service/register" else { return FakeConsul.json("{}") }
      arrivals.yield()
      for await _ in allowed { break }
      wasCancelled.withLock { $0 = Task.isCancelled }
      return FakeConsul.json("")
    }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      wanted, client: ConsulClient(.init(), http: fake), report: told.report)
    let running = Task { await registration.run() }
    for await _ in arrived { break }
    running.cancel()
    permission.yield()
    await running.value
    #expect(wasCancelled.withLock { $0 } == false)
    #expect(await told.wait { _ in true } == .registered(.initial))
  }

  @Test("a registration that Consul calls malformed is not tried again")
  func malformed() async throws {
    let fake = FakeConsul { request in
      request.method == .get
        ? FakeConsul.json("{}") : FakeConsul.json("Missing service name", status: 400)
    }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      wanted, client: ConsulClient(.init(), http: fake), report: told.report)
    await registration.run()
    #expect(
      await told.wait { _ in true } == .failed(.badRequest("Missing service name")))
    #expect(fake.requests.count == 2)
  }

  @Test("a failed deregistration is tried once more, then told, never thrown")
  func deregistrationFails() async throws {
    let fake = FakeConsul { _ in FakeConsul.json("", status: 503) }
    let told = Told<RegistrationEvent>()
    let registration = ConsulRegistration(
      wanted, client: ConsulClient(.init(), http: fake), report: told.report)
    await registration.deregister()
    #expect(
      await told.wait { _ in true } == .deregistrationFailed(.unavailable(status: 503)))
    #expect(fake.requests.count == 2)
  }
}

import Consul
import EventLoops
import HTTPClient
import Logging
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Peers, with a real agent", .timeLimit(.minutes(2)))
struct PeersTests {
  private let group = EventLoopGroup(count: 1)
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// - Parameter fixed: the table of peers that serves until discovery's first list.
  private func peers(
    _ consul: PrivateConsul, name: String = "caller", fixed: String = ""
  ) throws -> Peers {
    let settings = try Settings(
      environment: [
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/none", "CONSUL_HTTP_ADDR": consul.address,
        "STATIC_PEERS": fixed,
      ], for: .inspect, portDefault: 0)
    return try Peers(
      identity: ServiceIdentity(name: name, short: name, schema: name, port: 0),
      settings: settings, group: group, signer: nil, logger: logger)
  }

  private func client(of consul: PrivateConsul) throws -> ConsulClient {
    ConsulClient(
      try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": consul.address]),
      http: CurlClient(group: group))
  }

  private func running<Value: Sendable>(
    _ workers: [Worker], _ body: () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for worker in workers {
        tasks.addTask { [loop = group.loops[0], logger] in
          await worker.run(on: loop, logger: logger)
        }
      }
      defer { tasks.cancelAll() }
      return try await body()
    }
  }

  @Test("an instance's weight in Consul is its share of the calls")
  func weights() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let servers = try (0..<2).map { _ in
      try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    defer { servers.forEach { $0.close() } }
    for (server, weight) in zip(servers, [4, 1]) {
      var instance = ServiceRegistration(name: "weighed", host: "127.0.0.1", port: server.port)
      instance.weight = weight
      try await client.register(instance, boot: "b")
    }
    let peers = try peers(consul)
    let upstream = peers.upstream("weighed")
    try await running(peers.workers) {
      while peers.discovery()[0].instances.count < 2 {
        try await Task.sleep(for: .milliseconds(10))
      }
      let view = peers.discovery()[0]
      #expect(
        Set(view.instances.map { "\($0.address) \($0.weight)" })
          == ["127.0.0.1:\(servers[0].port) 4", "127.0.0.1:\(servers[1].port) 1"])
      #expect((view.ageMs ?? .max) < 10_000)
      let metrics = try #require(peers.observed.first)
      #expect((metrics.watch?.updates ?? 0) >= 1)
      #expect(metrics.watchAge != nil)
      // A connection for each call: what a server has accepted is what it was asked.
      var options = CallOptions()
      options.idempotency = .unsafe
      for _ in 0..<300 { _ = try await upstream.call(.get, "/", options: options) }
    }
    let counts = servers.map(\.connectionCount)
    // Four fifths; of the draws of both, a third, the faster one may get all or none.
    #expect(counts[0] > 180)
    #expect(counts[1] > 5)
    try await consul.stop()
  }

  @Test("a call waits for the first instance of a peer that discovery knows none of")
  func firstInstance() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let peers = try peers(consul, fixed: "late=127.0.0.1:1")
    let upstream = peers.upstream("late")
    try await running(peers.workers) {
      while peers.discovery()[0].source != .consul {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(peers.discovery()[0].instances.isEmpty)
      await #expect(throws: UpstreamFailure.self) { try await upstream.call(.get, "/") }
      async let answer = upstream.call(.get, "/")
      try await Task.sleep(for: .milliseconds(100))
      try await client.register(
        ServiceRegistration(name: "late", host: "127.0.0.1", port: server.port), boot: "b")
      #expect(try await answer.status == .ok)
    }
    try await consul.stop()
  }

  @Test("nobody waits for a peer that has not come in the time that services take to start")
  func absentPeer() {
    let began = ContinuousClock.now
    let peer = PeerEndpoints(name: "absent", fixed: [], at: began)
    #expect(peer.awaited(from: began) == began + .milliseconds(500))
    peer.publish([], source: .consul)
    #expect(peer.awaited(from: began + .seconds(29)) != nil)
    #expect(peer.awaited(from: began + .seconds(31)) == nil)
    peer.publish([Endpoint(id: "a", host: "127.0.0.1", port: 1)], source: .consul)
    #expect(peer.awaited(from: began) == nil)
  }

  @Test("calls wait for the successor of a peer's last instance, until three seconds after it left")
  func successor() {
    let left = ContinuousClock.now
    let peer = PeerEndpoints(name: "restarted", fixed: [], at: left)
    let instance = Endpoint(id: "a", host: "127.0.0.1", port: 1)
    peer.publish([instance], source: .consul, at: left)
    peer.publish([], source: .consul, at: left)
    peer.publish([], source: .consul, at: left + .seconds(1))
    #expect(peer.awaited(from: left + .seconds(2)) == left + .seconds(3))
    peer.publish([instance], source: .consul, at: left + .seconds(2))
    #expect(peer.awaited(from: left + .seconds(2)) == nil)
  }

  @Test("a call while a peer's only instance is restarted is answered by the next one")
  func restartedPeer() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let instance = ServiceRegistration(name: "restarted", host: "127.0.0.1", port: server.port)
    try await client.register(instance, boot: "a")
    let peers = try peers(consul)
    let upstream = peers.upstream("restarted")
    func wait(forInstances count: Int) async throws {
      while peers.discovery()[0].instances.count != count {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    try await running(peers.workers) {
      try await wait(forInstances: 1)
      try await client.deregister(instance.id)
      try await wait(forInstances: 0)
      async let answer = upstream.call(.get, "/")
      try await Task.sleep(for: .seconds(1))
      try await client.register(instance, boot: "b")
      #expect(try await answer.status == .ok)
    }
    try await consul.stop()
  }

  @Test("a list that was held over a restart of Consul is Consul's again once it is confirmed")
  func restart() async throws {
    let consul = try await PrivateConsul.start()
    let client = try client(of: consul)
    let instance = ServiceRegistration(name: "kept", host: "127.0.0.1", port: 1)
    try await client.register(instance, boot: "b")
    let peers = try peers(consul)
    _ = peers.upstream("kept")
    func wait(for source: PeerEndpoints.Source) async throws -> PeerEndpoints.View {
      while true {
        let view = peers.discovery()[0]
        if view.source == source, view.instances.count == 1 { return view }
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    try await running(peers.workers) {
      _ = try await wait(for: .consul)
      try await consul.stop()
      _ = try await wait(for: .lastKnown)
      try await consul.startAgain()
      // Without what it knew: the watch has to see that first.
      try await Task.sleep(for: .seconds(3))
      #expect(peers.discovery()[0].source == .lastKnown)
      try await client.register(instance, boot: "b")
      let view = try await wait(for: .consul)
      #expect(view.consulIndex > 0)
      #expect((view.ageMs ?? .max) < 10_000)
    }
    try await consul.stop()
  }

  @Test("of two processes one does singleton work, and the other when the first leaves")
  func singleton() async throws {
    let consul = try await PrivateConsul.start()
    let (first, second) = (try peers(consul), try peers(consul))
    let (told, working) = AsyncStream<String>.makeStream()
    func worker(of peers: Peers, _ name: String) -> Worker {
      peers.singleton("sweep") {
        working.yield(name)
        try await Task.sleep(for: .seconds(3600))
      }
    }
    var works = told.makeAsyncIterator()
    try await running([worker(of: first, "first")]) {
      #expect(await works.next() == "first")
      #expect(first.singletons == ["sweep": true])
    }
    #expect(first.singletons == ["sweep": false])
    try await running([worker(of: second, "second")]) {
      #expect(await works.next() == "second")
      #expect(second.singletons == ["sweep": true])
    }
    try await consul.stop()
  }
}

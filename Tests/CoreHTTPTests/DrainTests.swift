import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import TestSupport
import Testing

/// `HTTPServer.drain(within:)`.
@Suite struct DrainTests {
  @Test("a request in flight is finished and told to close; idle connections end; no new ones come")
  func inFlight() async throws {
    let group = EventLoopGroup(count: 2)
    let events = Events()
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    var router = testRoutes()
    router.on(.get, "/slow") { _, _ in
      events.add("begun")
      for await _ in gate {}
      return text("finished")
    }
    let server = HTTPServer(handler: router, group: group, port: 0)
    try await server.start()
    async let idle = withClient(of: server) { client in
      try client.send(get("/hello"))
      _ = try client.answer()
      events.add("idle")
      return try client.rest().text
    }
    async let busy = withClient(of: server) { client in
      try client.send(get("/slow"))
      let answer = try client.answer()
      return [answer.body, answer["Connection"] ?? "", try client.rest().text]
    }
    try await eventually { events.all.count == 2 }
    async let drained: Void = server.drain(within: .seconds(10))
    #expect(try await idle == "")
    // The client can see the end before the connection is struck off the count.
    try await eventually { server.connectionCount == 1 }
    opening.finish()
    await drained
    #expect(server.connectionCount == 0)
    #expect(try await busy == ["finished", "close", ""])
    await #expect(throws: LoopbackSocket.Failure.self) { try await withClient(of: server) { _ in } }
    group.stop()
  }

  @Test("once its end is announced each answer says close, and new connections are still taken")
  func announced() async throws {
    let group = EventLoopGroup(count: 1)
    let server = HTTPServer(handler: testRoutes(), group: group, port: 0)
    try await server.start()
    try await withClient(of: server) { client in
      try client.send(get("/hello"))
      #expect(try client.answer()["Connection"] == nil)
      server.announceEnd()
      // A round trip later the only loop has taken notice.
      try client.send(get("/hello"))
      _ = try client.answer()
    }
    for _ in 0..<2 {
      try await withClient(of: server) { client in
        try client.send(get("/hello"))
        let answer = try client.answer()
        #expect(answer.status == 200 && answer["Connection"] == "close")
        #expect(try client.rest().text == "")
      }
    }
    await server.drain(within: .seconds(10))
    group.stop()
  }

  @Test("what has not finished by the limit is cut and cancelled")
  func limit() async throws {
    try await withEndlessRequest { await $0.drain(within: .milliseconds(50)) }
  }

  @Test("a drain that is cancelled cuts what is open, and ends")
  func cancelled() async throws {
    try await withEndlessRequest { server in
      let draining = Task { await server.drain(within: .seconds(600)) }
      try await Task.sleep(for: .milliseconds(20))
      draining.cancel()
      await draining.value
    }
  }

  /// Runs `drain` while a handler works that only its cancellation ends, and looks whether it has.
  private func withEndlessRequest(_ drain: (HTTPServer) async throws -> Void) async throws {
    let group = EventLoopGroup(count: 1)
    let events = Events()
    var router = Router()
    router.on(.get, "/endless") { _, _ in
      events.add("begun")
      do {
        try await EventLoop.current?.sleep(for: .seconds(600))
      } catch {
        events.add("cancelled")
      }
      return text("")
    }
    let server = HTTPServer(handler: router, group: group, port: 0)
    try await server.start()
    async let client = withClient(of: server) { client in
      try client.send(get("/endless"))
      return try client.rest().text
    }
    try await eventually { events.all == ["begun"] }
    try await drain(server)
    #expect(try await client == "")
    try await eventually { events.all == ["begun", "cancelled"] }
    group.stop()
  }

  @Test("a server without connections is drained at once, a second time too")
  func nothingToDo() async throws {
    let group = EventLoopGroup(count: 2)
    let server = HTTPServer(handler: testRoutes(), group: group, port: 0)
    try await server.start()
    await server.drain(within: .seconds(60))
    await server.drain(within: .seconds(60))
    let port = server.port
    let again = HTTPServer(handler: testRoutes(), group: group, port: port)
    try await again.start()
    #expect(again.port == port)
    await again.drain(within: .zero)
    group.stop()
  }

  /// For tests whose clients stay until the server has been drained.
  private static var brisk: HTTPLimits {
    var limits = HTTPLimits()
    limits.timeResolution = .milliseconds(20)
    limits.lingerTimeMax = .milliseconds(20)
    return limits
  }

  /// Begins to drain while `body` holds the server's only loop: what `body` does is there, and nobody
  /// has looked at it, at the moment of the stop.
  private func drain(
    _ server: HTTPServer, of group: EventLoopGroup, after body: @escaping @Sendable () -> Void
  ) async {
    await withCheckedContinuation { continuation in
      group.loops[0].execute {
        Task(executorPreference: group.loops[0]) {
          await server.drain(within: .seconds(10))
          continuation.resume()
        }
        body()
      }
    }
  }

  @Test("who waits to be accepted at the moment of the stop is served")
  func backlog() async throws {
    let group = EventLoopGroup(count: 1)
    let server = HTTPServer(handler: testRoutes(), group: group, port: 0, limits: Self.brisk)
    try await server.start()
    let port = server.port
    let clients = Mutex<[TestClient]>([])
    await drain(server, of: group) {
      do {
        for number in 0..<200 {
          let client = try TestClient(port: port)
          try client.send(get("/number/\(number)"))
          clients.withLock { $0.append(client) }
        }
      } catch {
        Issue.record(error)
      }
    }
    for (number, client) in clients.withLock({ $0 }).enumerated() {
      let answer = try client.answer()
      #expect(answer.body == "\(number)" && answer["Connection"] == "close")
      #expect(try client.rest().end == .orderly)
    }
    group.stop()
  }

  @Test("a request that reached an idle connection before the stop is answered, not reset")
  func unread() async throws {
    let group = EventLoopGroup(count: 1)
    let server = HTTPServer(
      handler: testRoutes(), group: group, port: 0, limits: Self.brisk)
    try await server.start()
    let client = try TestClient(port: server.port)
    let idle = try TestClient(port: server.port)
    for each in [client, idle] {
      try each.send(get("/hello"))
      _ = try each.answer()
    }
    await drain(server, of: group) {
      do {
        try client.send(get("/number/1") + get("/later/2"))
      } catch {
        Issue.record(error)
      }
    }
    let first = try client.answer()
    #expect(first.body == "1" && first["Connection"] == nil)
    let second = try client.answer()
    #expect(second.body == "2" && second["Connection"] == "close")
    #expect(try client.rest().end == .orderly)
    #expect(try idle.rest().end == .orderly)
    group.stop()
  }

  @Test("what was pipelined behind a request in flight is answered; the last answer says close")
  func pipelined() async throws {
    let group = EventLoopGroup(count: 1)
    let events = Events()
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    var router = testRoutes()
    router.on(.get, "/slow") { _, _ in
      events.add("begun")
      for await _ in gate {}
      return text("finished")
    }
    let server = HTTPServer(handler: router, group: group, port: 0)
    try await server.start()
    async let bodies = withClient(of: server) { client in
      try client.send(get("/slow") + get("/number/1") + get("/later/2") + get("/number/3"))
      let answers = try (0..<4).map { _ in try client.answer() }
      #expect(answers.map { $0["Connection"] } == [nil, nil, nil, "close"])
      #expect(try client.rest().end == .orderly)
      return answers.map(\.body)
    }
    try await eventually { events.all == ["begun"] }
    async let drained: Void = server.drain(within: .seconds(10))
    // The listener is closed once draining has begun.
    try await eventually { (try? TestClient(port: server.port)) == nil }
    opening.finish()
    #expect(try await bodies == ["finished", "1", "2", "3"])
    await drained
    group.stop()
  }

  @Test("a request of which only a part had come is read to its end and answered")
  func partial() async throws {
    let group = EventLoopGroup(count: 1)
    let server = HTTPServer(
      handler: testRoutes(), group: group, port: 0, limits: Self.brisk)
    try await server.start()
    let client = try TestClient(port: server.port)
    try client.send(get("/hello") + "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Le")
    #expect(try client.answer().body == "hello")
    async let drained: Void = server.drain(within: .seconds(10))
    try await eventually { (try? TestClient(port: server.port)) == nil }
    try client.send("ngth: 3\r\n\r\nabc")
    let answer = try client.answer()
    #expect(answer.body == "abc" && answer["Connection"] == "close")
    #expect(try client.rest().end == .orderly)
    await drained
    group.stop()
  }

  @Test("of clients that keep coming while the server drains, none is reset")
  func coming() async throws {
    let group = EventLoopGroup(count: 2)
    let server = HTTPServer(handler: testRoutes(), group: group, port: 0)
    try await server.start()
    let events = Events()
    async let clients: Void = withThrowingTaskGroup(of: Void.self) { tasks in
      for _ in 0..<4 {
        tasks.addTask {
          var isRefused = false
          while !isRefused {
            do {
              try await withClient(of: server) { client in
                try client.send(get("/hello"))
                #expect(try client.answer().body == "hello")
              }
              events.add("served")
            } catch let failure as LoopbackSocket.Failure {
              #expect(failure.call == "connect")
              isRefused = true
            }
          }
        }
      }
      try await tasks.waitForAll()
    }
    try await eventually { events.all.count > 100 }
    await server.drain(within: .seconds(10))
    try await clients
    group.stop()
  }
}

import CoreHTTP
import EventLoops
import HTTPMessages
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
      try client.send(get("/slow") + get("/hello"))
      let answer = try client.answer()
      return [answer.body, answer["Connection"] ?? "", try client.rest().text]
    }
    try await eventually { events.all.count == 2 }
    async let drained: Void = server.drain(within: .seconds(10))
    #expect(try await idle == "")
    #expect(server.connectionCount == 1)
    opening.finish()
    await drained
    #expect(server.connectionCount == 0)
    #expect(try await busy == ["finished", "close", ""])
    await #expect(throws: TestClient.Failure.self) { try await withClient(of: server) { _ in } }
    group.stop()
  }

  @Test("what has not finished by the limit is cut and cancelled")
  func limit() async throws {
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
    await server.drain(within: .milliseconds(50))
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
}

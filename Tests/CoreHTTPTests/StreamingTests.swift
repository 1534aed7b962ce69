import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import Testing

/// Answers whose body is made while it is sent (RFC 9112 sections 6.3 and 7.1).
@Suite struct StreamingTests {
  private static func routes(_ events: Events = Events()) -> Router {
    var router = testRoutes()
    router.on(.get, "/export/{pieces}") { _, parameters in
      let pieces = Int(parameters["pieces"] ?? "") ?? 0
      return HTTPResponse(
        .ok, fields: [.contentType: "text/csv"],
        stream: HTTPBodyStream { body in
          for number in 0..<pieces { try await body.write("\(number),") }
        })
    }
    router.onSync(.get, "/blocks/{count}") { _, parameters in
      let count = Int(parameters["count"] ?? "") ?? 0
      return HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          for _ in 0..<count { try await body.write([UInt8](repeating: 0x62, count: 100_000)) }
        })
    }
    router.on(.get, "/broken") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          try await body.write("half")
          try await EventLoop.current?.sleep(for: .milliseconds(20))
          throw RouteFailure()
        })
    }
    router.on(.get, "/endless") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          events.add("begun")
          do {
            while true { try await body.write([UInt8](repeating: 0x62, count: 10_000)) }
          } catch {
            events.add("\(type(of: error))")
            throw error
          }
        })
    }
    router.onSync(.get, "/nothing") { _, _ in
      HTTPResponse(.noContent, stream: HTTPBodyStream { _ in events.add("ran") })
    }
    router.on(.get, "/together") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          try await withThrowingTaskGroup(of: Void.self) { group in
            for letter in ["a", "b", "c"] {
              group.addTask {
                for _ in 0..<100 { try await body.write(String(repeating: letter, count: 9999)) }
              }
            }
            try await group.waitForAll()
          }
        })
    }
    router.on(.get, "/elsewhere") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          // Leaves the loop on purpose.
          let task = Task { for number in 0..<1000 { try await body.write("\(number),") } }
          try await task.value
        })
    }
    return router
  }

  @Test("HTTP/1.1 gets chunks and a last one, and the connection goes on with what was pipelined")
  func chunked() async throws {
    try await withServer(handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/hello") + get("/export/1000") + get("/export/0") + get("/hello"))
        #expect(try client.answer().body == "hello")
        let head = try client.answer()
        #expect(head.status == 200 && head["Transfer-Encoding"] == "chunked")
        #expect(head["Content-Length"] == nil && head["Content-Type"] == "text/csv")
        #expect(try client.chunkedBody() == (0..<1000).map { "\($0)," }.joined())
        _ = try client.answer()
        #expect(try client.chunkedBody() == "")
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("HTTP/1.0 gets the bytes and then the end of the connection, whatever it asked for")
  func untilClose() async throws {
    try await withServer(handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send("GET /export/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let head = try client.answer()
        #expect(head["Transfer-Encoding"] == nil && head["Connection"] == "close")
        let (text, end) = try client.rest()
        #expect(text == "0,1,2,3,4," && end == .orderly)
      }
    }
  }

  @Test("HEAD and a status without content get no body, and nothing is produced (9110 §9.3.2)")
  func withoutBody() async throws {
    let events = Events()
    try await withServer(handler: Self.routes(events)) { server in
      try await withClient(of: server) { client in
        try client.send(
          "HEAD /endless HTTP/1.1\r\nHost: a\r\n\r\n" + get("/nothing") + get("/hello"))
        let head = try client.answer(toHead: true)
        #expect(head.status == 200 && head["Transfer-Encoding"] == "chunked")
        let nothing = try client.answer()
        #expect(nothing.status == 204 && nothing["Transfer-Encoding"] == nil)
        #expect(try client.answer().body == "hello")
      }
    }
    #expect(events.all == [])
  }

  @Test("pieces of any length arrive whole and in order, also more than the connection may hold")
  func large() async throws {
    try await withServer(handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/blocks/200") + get("/hello"))
        _ = try client.answer()
        #expect(try client.chunkedBody() == String(repeating: "b", count: 20_000_000))
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("a producer that fails midway cuts the connection: no last chunk, and no orderly end")
  func failing() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder, handler: Self.routes()) { server in
      for version in ["1.1", "1.0"] {
        try await withClient(of: server) { client in
          try client.send("GET /broken HTTP/\(version)\r\nHost: a\r\n\r\n")
          #expect(try client.answer().status == 200)
          let (text, end) = try client.rest()
          #expect(text == (version == "1.1" ? "4\r\nhalf\r\n" : "half") && end == .reset)
        }
      }
    }
    #expect(recorder.served.allSatisfy { $0.failure is RouteFailure })
    #expect(recorder.served.map(\.responseBodyBytes) == [4, 4])
  }

  @Test("a producer is suspended while its client does not read, and cancelled when it is cut off")
  func backPressure() async throws {
    var limits = HTTPLimits()
    limits.timeResolution = .milliseconds(20)
    limits.writeStallTimeMax = .milliseconds(300)
    let events = Events()
    let recorder = Recorder()
    try await withServer(limits: limits, observer: recorder, handler: Self.routes(events)) {
      server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 4096)
        try client.send(get("/endless"))
        _ = try client.answer()
        let limit = MonotonicTime.now() + .seconds(10)
        while server.connectionCount > 0, MonotonicTime.now() < limit {}
      }
      try await eventually { events.all == ["begun", "CancellationError"] }
    }
    // What the kernel's buffers take, and the connection's 256 KiB; it could have been gigabytes.
    #expect(recorder.served.count == 1)
    #expect(recorder.served.allSatisfy { $0.responseBodyBytes < 16 * 1024 * 1024 })
  }

  @Test("a producer learns by cancellation that its client has gone")
  func clientLeaves() async throws {
    let events = Events()
    try await withServer(handler: Self.routes(events)) { server in
      try await withClient(of: server) { client in
        try client.send(get("/endless"))
        _ = try client.answer()
        client.reset()
      }
      try await eventually { events.all == ["begun", "CancellationError"] }
      try await eventually { server.connectionCount == 0 }
    }
  }

  @Test("a stream that never pauses leaves its loop to others")
  func fairness() async throws {
    let group = EventLoopGroup(count: 1)
    defer { group.stop() }
    let events = Events()
    let server = HTTPServer(handler: Self.routes(events), group: group, port: 0)
    try await server.start()
    let isDone = Atomic<Bool>(false)
    async let reader = withClient(of: server) { client in
      try client.send(get("/endless"))
      var pieces = 0
      repeat {
        try client.discard()
        pieces += 1
      } while !isDone.load(ordering: .relaxed)
      return pieces
    }
    try await eventually { events.all == ["begun"] }
    try await withClient(of: server) { client in
      for _ in 0..<100 {
        try client.send(get("/hello"))
        #expect(try client.answer().body == "hello")
      }
    }
    isDone.store(true, ordering: .relaxed)
    #expect(try await reader > 0)
    await server.drain(within: .zero)
  }

  @Test("several tasks may write one body; their pieces stay whole")
  func manyWriters() async throws {
    try await withServer(handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/together"))
        _ = try client.answer()
        let body = Array(try client.chunkedBody().utf8)
        #expect(body.count == 300 * 9999)
        for start in stride(from: 0, to: body.count, by: 9999) {
          #expect(body[start..<(start + 9999)].allSatisfy { $0 == body[start] })
        }
      }
    }
  }

  @Test("a task that left the loop may write, too")
  func fromElsewhere() async throws {
    try await withServer(handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/elsewhere"))
        _ = try client.answer()
        #expect(try client.chunkedBody() == (0..<1000).map { "\($0)," }.joined())
      }
    }
  }

  @Test("beyond the limit of streams the answer is 503, and those there go on")
  func tooMany() async throws {
    var limits = HTTPLimits()
    limits.streamsPerLoopMax = 0
    try await withServer(limits: limits, handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/export/5") + get("/hello"))
        #expect(try client.answer().status == 503)
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("the observer sees a stream when it has ended, with the length of its body")
  func observed() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder, handler: Self.routes()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/blocks/3"))
        _ = try client.answer()
        _ = try client.chunkedBody()
      }
    }
    #expect(recorder.served.map(\.responseBodyBytes) == [300_000])
    #expect(recorder.served.map(\.route) == ["/blocks/{count}"])
    #expect(recorder.served.allSatisfy { $0.failure == nil })
  }

  @Test("draining lets a stream end, and ends an endless one in good order")
  func draining() async throws {
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    let events = Events()
    var router = Router()
    router.on(.get, "/gated") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          try await body.write("begun ")
          events.add("gated")
          for await _ in gate {}
          try await body.write("ended")
        })
    }
    router.on(.get, "/events") { _, _ in
      .serverSentEvents { stream in
        try await stream.send(ServerSentEvent("one"))
        events.add("events")
        try await EventLoop.current?.sleep(for: .seconds(600))
      }
    }
    let group = EventLoopGroup(count: 2)
    defer { group.stop() }
    let server = HTTPServer(handler: router, group: group, port: 0)
    try await server.start()
    async let gated = rest(of: "/gated", server)
    async let endless = rest(of: "/events", server)
    try await eventually { events.all.count == 2 }
    async let drained: Void = server.drain(within: .seconds(60))
    let ended = try await endless
    #expect(ended.text == "b\r\ndata: one\n\n\r\n0\r\n\r\n" && ended.end == .orderly)
    opening.finish()
    let whole = try await gated
    #expect(whole.text == "6\r\nbegun \r\n5\r\nended\r\n0\r\n\r\n" && whole.end == .orderly)
    await drained
    #expect(server.connectionCount == 0)
  }

  @Test("a stream that has not ended by the limit of draining is cut, and its client notices")
  func cut() async throws {
    let events = Events()
    var router = Router()
    router.on(.get, "/stubborn") { _, _ in
      HTTPResponse(
        .ok,
        stream: HTTPBodyStream { body in
          try await body.write("begun")
          events.add("begun")
          try await EventLoop.current?.sleep(for: .seconds(600))
        })
    }
    let group = EventLoopGroup(count: 2)
    defer { group.stop() }
    let server = HTTPServer(handler: router, group: group, port: 0)
    try await server.start()
    async let stubborn = rest(of: "/stubborn", server)
    try await eventually { events.all == ["begun"] }
    await server.drain(within: .milliseconds(100))
    let cut = try await stubborn
    #expect(cut.text == "5\r\nbegun\r\n" && cut.end == .reset)
  }

  /// What comes behind the head of an answer.
  private func rest(
    of path: String, _ server: HTTPServer
  ) async throws -> (text: String, end: TestClient.End) {
    try await withClient(of: server) { client in
      try client.send(get(path))
      _ = try client.answer()
      return try client.rest()
    }
  }
}

import CoreHTTP
import EventLoops
import Glibc
import Testing

/// How long a connection waits for its client, and for what not (RFC 9112 section 9.5).
@Suite struct ConnectionTimeTests {
  private static var impatient: HTTPLimits {
    var limits = HTTPLimits()
    limits.timeResolution = .milliseconds(20)
    limits.headTimeMax = .milliseconds(200)
    limits.bodyTimeMax = .milliseconds(200)
    limits.idleTimeMax = .milliseconds(200)
    limits.writeStallTimeMax = .milliseconds(200)
    limits.lingerTimeMax = .seconds(5)
    return limits
  }

  @Test("a head that takes too long is 408, however its bytes drip")
  func slowHead() async throws {
    try await withServer(limits: Self.impatient) { server in
      try await withClient(of: server) { client in
        let start = MonotonicTime.now()
        try client.send("GET / HTTP/1.1\r\n")
        // Each byte is sent before the limit since the last one; the limit is for them all.
        try drip("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", to: client)
        let answer = try client.answer()
        #expect(answer.status == 408 && answer["Connection"] == "close")
        #expect(MonotonicTime.now() - start >= .milliseconds(200))
        #expect(MonotonicTime.now() - start < .seconds(5))
      }
    }
  }

  @Test("a body that takes too long is 408")
  func slowBody() async throws {
    try await withServer(limits: Self.impatient) { server in
      try await withClient(of: server) { client in
        try client.send(post("Content-Length: 3", body: "a"))
        #expect(try client.answer().status == 408)
        #expect(try client.rest().text == "")
      }
    }
  }

  @Test("a connection on which nothing comes is closed without a word")
  func silence() async throws {
    try await withServer(limits: Self.impatient) { server in
      try await withClient(of: server) { client in
        let (text, end) = try client.rest()
        #expect(text == "" && end == .orderly)
      }
      try await withClient(of: server) { client in
        try client.send(get("/hello"))
        #expect(try client.answer().status == 200)
        let (text, end) = try client.rest()
        #expect(text == "" && end == .orderly)
      }
    }
  }

  @Test("a handler's time is its own: no timeout of the connection ends it")
  func slowHandler() async throws {
    try await withServer(limits: Self.impatient) { server in
      try await withClient(of: server) { client in
        try client.send(get("/wait/600"))
        #expect(try client.answer().body == "waited")
      }
    }
  }

  @Test("a client that does not read its answer is cut off")
  func stalledReader() async throws {
    try await withServer(limits: Self.impatient) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 4096)
        try client.send(get("/bytes/20000000") + get("/hello"))
        let limit = MonotonicTime.now() + .seconds(10)
        while server.connectionCount > 0, MonotonicTime.now() < limit {}
        #expect(server.connectionCount == 0)
      }
    }
  }

  @Test("answers that only the kernel would take do not hide that their client reads none")
  func stalledPipeline() async throws {
    var limits = Self.impatient
    limits.idleTimeMax = .seconds(600)
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 4096)
        try client.send(get("/bytes/1000000"))
        let limit = MonotonicTime.now() + .seconds(10)
        while server.connectionCount > 0, MonotonicTime.now() < limit {}
        #expect(server.connectionCount == 0)
      }
    }
  }

  @Test("a client that reads its answer slowly, but reads it, is not cut off")
  func slowReader() async throws {
    var limits = Self.impatient
    limits.writeStallTimeMax = .seconds(1)
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 256 * 1024)
        try client.send(get("/bytes/8000000"))
        for _ in 0..<30 {
          try client.receiveSome()
          usleep(100_000)
        }
        // Three times what it may pause; the rest at once.
        #expect(try client.answer().body.utf8.count == 8_000_000)
      }
    }
  }

  @Test("a client may take its time between requests after an answer that took long to read")
  func idleAfterSlowAnswer() async throws {
    var limits = Self.impatient
    limits.idleTimeMax = .milliseconds(500)
    limits.writeStallTimeMax = .seconds(10)
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 256 * 1024)
        try client.send(get("/bytes/8000000"))
        usleep(800_000)
        _ = try client.answer()
        usleep(100_000)
        try client.send(get("/hello"))
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("a request that was begun behind a slow answer has its time from when that was read")
  func headBehindSlowAnswer() async throws {
    var limits = Self.impatient
    limits.headTimeMax = .milliseconds(500)
    limits.writeStallTimeMax = .seconds(10)
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 256 * 1024)
        try client.send(get("/bytes/8000000") + "GET /hello HT")
        usleep(800_000)
        _ = try client.answer()
        usleep(100_000)
        try client.send("TP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.answer().status == 200)
      }
    }
  }
}

/// Sends a byte every few milliseconds.
private func drip(_ text: String, to client: TestClient) throws {
  for byte in text.utf8 {
    let next = MonotonicTime.now() + .milliseconds(10)
    while MonotonicTime.now() < next {}
    try client.send([byte])
  }
}

import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import TestSupport
import Testing

/// The connection's rules of RFC 9112 sections 9.3 and 9.6, its limits and its timeouts.
@Suite struct ConnectionTests {
  // MARK: Persistence

  @Test("close is answered, said and done; nothing behind it is served")
  func close() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send(get("/hello", "Connection: Close") + get("/number/1"))
        let answer = try client.answer()
        #expect(answer.body == "hello" && answer["Connection"] == "close")
        let (text, end) = try client.rest()
        #expect(text == "" && end == .orderly)
      }
    }
  }

  @Test("HTTP/1.0 closes unless it asks to stay, and is told so if it may")
  func oldVersion() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try client.answer()["Connection"] == "keep-alive")
        try client.send("GET /later/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try client.answer()["Connection"] == "keep-alive")
        try client.send("GET /hello HTTP/1.0\r\n\r\n")
        #expect(try client.answer()["Connection"] == "close")
        #expect(try client.rest().end == .orderly)
      }
    }
  }

  @Test("a handler may end the connection with its answer")
  func closedByHandler() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send(get("/last") + get("/hello"))
        #expect(try client.answer()["Connection"] == "close")
        #expect(try client.rest().text == "")
      }
    }
  }

  @Test("the last request that a connection may have is answered with close")
  func requestLimit() async throws {
    var limits = HTTPLimits()
    limits.requestsPerConnectionMax = 3
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        try client.send(String(repeating: get("/hello"), count: 5))
        #expect(try client.answer()["Connection"] == nil)
        #expect(try client.answer()["Connection"] == nil)
        #expect(try client.answer()["Connection"] == "close")
        let (text, end) = try client.rest()
        #expect(text == "" && end == .orderly)
      }
    }
  }

  // MARK: Refusals

  @Test("requests ahead of a broken one are answered, then the error, then an orderly end")
  func brokenRequest() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        let unread = String(repeating: "x", count: 100_000)
        try client.send(get("/number/1") + get("/later/2") + "GET / HTTP/1.1\r\nX y\r\n" + unread)
        #expect(try client.answer().body == "1")
        #expect(try client.answer().body == "2")
        let refused = try client.answer()
        #expect(refused.status == 400 && refused["Connection"] == "close")
        #expect(refused["Date"] != nil)
        #expect(refused["Content-Type"] == "application/problem+json")
        #expect(
          refused.body.hasPrefix(#"{"type":"about:blank","title":"Bad Request","status":400"#))
        let (text, end) = try client.rest()
        #expect(text == "" && end == .orderly)
      }
    }
  }

  @Test("a body beyond its route's own limit is refused before it is sent, or as soon as it shows")
  func tooLarge() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
        try client.send(String(repeating: "x", count: 11))
        #expect(try client.answer().status == 413)
        #expect(try client.rest().end == .orderly)
      }
      try await withClient(of: server) { client in
        let head = "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        try client.send(head + "a\r\n0123456789\r\n1\r\n")
        #expect(try client.answer().status == 413)
        #expect(try client.rest().end == .orderly)
      }
    }
  }

  @Test("what a refused client goes on sending is read up to a limit, then cut")
  func lingerLimit() async throws {
    var limits = HTTPLimits()
    limits.lingerBytesMax = 100_000
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        try client.send("bad\r\n\r\n")
        #expect(throws: LoopbackSocket.Failure.self) {
          for _ in 0..<1000 { try client.send([UInt8](repeating: 0, count: 100_000)) }
        }
      }
    }
  }

  // MARK: Expectations (9110 §10.1.1)

  @Test("a client that waits is told to go on once, one that does not is not")
  func expectContinue() async throws {
    try await withServer { server in
      let head = "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
      try await withClient(of: server) { client in
        try client.send(head + "Expect: 100-Continue\r\n\r\n")
        #expect(try client.answer().status == 100)
        try client.send("ab")
        try client.send("c" + get("/hello"))
        #expect(try client.answer().body == "abc")
        #expect(try client.answer().body == "hello")
        try client.send(head + "Expect: 100-continue\r\n\r\nabc")
        #expect(try client.answer().status == 200)
      }
      try await withClient(of: server) { client in
        try client.send(
          head.replacing("1.1", with: "1.0") + "Expect: 100-continue\r\n\r\nabc")
        #expect(try client.answer().body == "abc")
      }
    }
  }

  @Test("a refused expectation gets the final status, and the body is no request")
  func refusedExpectation() async throws {
    try await withServer { server in
      let fields = "Host: a\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n"
      for (start, status) in [
        ("POST /none HTTP/1.1\r\n", 404), ("POST /hello HTTP/1.1\r\n", 405),
        ("POST /small HTTP/1.1\r\n", 413), ("POST /mirror HTTP/1.1\r\nExpect: x\r\n", 417),
      ] {
        try await withClient(of: server) { client in
          try client.send(start + fields)
          let answer = try client.answer()
          #expect(answer.status == status && answer["Connection"] == "close")
          try client.send(get("/hello"))
          #expect(try client.rest().text == "")
        }
      }
    }
  }

  // MARK: Ends

  @Test("a client that ends its sending side still gets its answers")
  func halfClose() async throws {
    try await withServer { server in
      for paths in [["/hello"], ["/later/1", "/wait/20", "/hello"], ["/bytes/3000000"]] {
        try await withClient(of: server) { client in
          try client.send(paths.map { get($0) }.joined())
          client.finishSending()
          for _ in paths { #expect(try client.answer().status == 200) }
          let (text, end) = try client.rest()
          #expect(text == "" && end == .orderly)
        }
      }
    }
  }

  @Test("a request cut short is refused; the handler never sees it (9112 §8)")
  func cutShort() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      for text in ["GET /hel", get("/").dropLast(2).description, post("Content-Length: 3") + "ab"] {
        try await withClient(of: server) { client in
          try client.send(text)
          client.finishSending()
          #expect(try client.answer().status == 400)
          #expect(try client.rest().end == .orderly)
        }
      }
      try await withClient(of: server) { client in
        client.finishSending()
        let text = try client.rest().text
        #expect(text == "")
      }
    }
    #expect(recorder.served.allSatisfy { $0.request == nil })
  }

  @Test("a client that resets leaves nothing behind, and its handler is cancelled")
  func resets() async throws {
    let cancelled = Recorder()
    try await withServer(observer: cancelled) { server in
      for text in ["", "GET /h", get("/hello"), get("/wait/600000"), get("/bytes/9000000")] {
        for _ in 0..<5 {
          try await withClient(of: server) { client in
            try client.send(text)
            client.reset()
          }
        }
      }
      // A handler that was not cancelled would keep its connection until the drain's end.
      try await eventually { server.connectionCount == 0 }
      try await withClient(of: server) { client in
        try client.send(get("/hello"))
        #expect(try client.answer().status == 200)
      }
    }
  }

  @Test("a handler learns of its client's reset by cancellation")
  func cancellation() async throws {
    let events = Events()
    var router = Router()
    router.on(.get, "/wait") { _, _ in
      events.add("begun")
      do {
        try await EventLoop.current?.sleep(for: .seconds(600))
      } catch {
        events.add("cancelled")
      }
      return text("late")
    }
    try await withServer(handler: router) { server in
      try await withClient(of: server) { client in
        try client.send(get("/wait"))
        while events.all.isEmpty {}
        client.reset()
      }
      try await eventually { events.all == ["begun", "cancelled"] }
    }
  }

  // MARK: Number

  @Test("at the limit of connections accepting pauses, and goes on when one ends")
  func connectionLimit() async throws {
    var limits = HTTPLimits()
    limits.connectionsMax = 2
    limits.timeResolution = .milliseconds(20)
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { first in
        try first.send(get("/hello"))
        _ = try first.answer()
        let second = try TestClient(port: server.port)
        try second.send(get("/hello"))
        _ = try second.answer()
        let third = try TestClient(port: server.port)
        try third.send(get("/hello"))
        #expect(server.connectionCount == 2)
        first.reset()
        #expect(try third.answer().body == "hello")
      }
    }
  }

  @Test("mutated messages end soon after the client's FIN, without a crash or a 500")
  func mutations() async throws {
    try await withServer { server in
      try await withClient(of: server) { _ in
        var random = SplitMix(state: 7)
        let seed =
          get("/later/1") + "POST /mirror HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
          + "\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + get("/bytes/70000")
        for _ in 0..<500 {
          var bytes = Array(seed.utf8)
          for _ in 0..<Int(random.next() % 6) {
            bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(
              truncatingIfNeeded: random.next())
          }
          let client = try TestClient(port: server.port)
          try client.send(Array(bytes.prefix(Int(random.next() % UInt64(bytes.count)) + 1)))
          client.finishSending()
          let (text, end) = try client.rest()
          #expect(end == .orderly)
          #expect(!text.contains("HTTP/1.1 500"))
        }
      }
      try await eventually { server.connectionCount == 0 }
    }
  }

  @Test("a burst of connections and resets is survived")
  func burst() async throws {
    try await withServer { server in
      try await withClient(of: server) { _ in
        for _ in 0..<2000 { try TestClient(port: server.port).reset() }
      }
      try await withClient(of: server) { client in
        try client.send(get("/hello"))
        #expect(try client.answer().status == 200)
      }
      try await eventually { server.connectionCount == 0 }
    }
  }
}

/// What happened, in order.
final class Events: Sendable {
  private let list = Mutex<[String]>([])

  var all: [String] { list.withLock { $0 } }

  func add(_ event: String) {
    list.withLock { $0.append(event) }
  }
}

/// Waits until `condition` holds; fails after 30 s, so that a busy machine is no failure.
func eventually(_ condition: () -> Bool) async throws {
  let limit = MonotonicTime.now() + .seconds(30)
  while !condition() {
    guard MonotonicTime.now() < limit else {
      Issue.record("did not come true in 30 s")
      return
    }
    await Task.yield()
  }
}

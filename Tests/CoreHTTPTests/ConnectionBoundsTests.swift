import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import TestSupport
import Testing

/// What one connection may hold, and that nothing of it stays when its client has gone.
@Suite struct ConnectionBoundsTests {
  @Test("what is sent behind a request that is being answered is read up to a limit")
  func readAhead() async throws {
    try await withServer { server in
      try await withClient(of: server) { _ in
        let client = try TestClient(port: server.port, patienceSeconds: 1)
        try client.send(get("/wait/600000"))
        // More than the kernel's buffers of both ends take.
        let pipeline = Array(String(repeating: get("/hello"), count: 1000).utf8)
        #expect(throws: LoopbackSocket.Failure.self) {
          for _ in 0..<(64 * 1024 * 1024 / pipeline.count) { try client.send(pipeline) }
        }
        client.reset()
      }
      try await eventually { server.connectionCount == 0 }
    }
  }

  @Test("to a client that reads nothing, no more answers are made than may wait for it")
  func unsent() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      try await withClient(of: server) { client in
        client.limitReceiving(to: 4096)
        try client.send(String(repeating: get("/bytes/1000000"), count: 200))
        while recorder.served.isEmpty {}
        let end = MonotonicTime.now() + .milliseconds(500)
        while MonotonicTime.now() < end {}
        // What the kernel's buffer takes, and one answer beyond the limit.
        #expect(recorder.served.count < 20)
        client.reset()
      }
      try await eventually { server.connectionCount == 0 }
    }
  }

  @Test("a request whose client left before its answer is seen by the observer, as 499")
  func abandoned() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      try await withClient(of: server) { client in
        try client.send(get("/hello") + get("/wait/600000"))
        #expect(try client.answer().body == "hello")
        client.reset()
      }
      try await eventually { recorder.served.count == 2 }
    }
    let last = try #require(recorder.served.last)
    #expect(last.status == .clientClosedRequest && last.failure is CancellationError)
    #expect(last.request?.path == "/wait/600000" && last.responseBodyBytes == 0)
  }

  @Test("no stream begins for a client whose reset shows as its earlier answer is sent")
  func resetAheadOfStream() async throws {
    let events = Events()
    let isReset = Atomic<Bool>(false)
    let recorder = Recorder()
    var router = testRoutes()
    router.onSync(.get, "/held") { _, _ in
      // Keeps the loop until the reset has come, so that nobody hears of it before.
      events.add("held")
      while !isReset.load(ordering: .acquiring) {}
      return text("late")
    }
    router.onSync(.get, "/endless") { _, _ in
      HTTPResponse(.ok, stream: HTTPBodyStream { _ in events.add("begun") })
    }
    try await withServer(observer: recorder, handler: router) { server in
      try await withClient(of: server) { client in
        try client.send(get("/held") + get("/endless"))
        while events.all.isEmpty {}
        client.reset()
        isReset.store(true, ordering: .releasing)
      }
      try await eventually { recorder.served.count == 2 && server.connectionCount == 0 }
    }
    #expect(events.all == ["held"])
    #expect(recorder.served.map(\.status) == [.ok, .clientClosedRequest])
  }

  @Test("the observer is told of no body where none is sent")
  func bodyless() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      try await withClient(of: server) { client in
        try client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"))
        _ = try client.answer(toHead: true)
        _ = try client.answer()
      }
    }
    #expect(recorder.served.map(\.responseBodyBytes) == [0, 5])
  }
}

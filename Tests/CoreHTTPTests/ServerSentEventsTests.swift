import CoreHTTP
import EventLoops
import HTTPMessages
import Testing

/// `text/event-stream` (WHATWG HTML, section 9.2).
@Suite struct ServerSentEventsTests {
  @Test(
    "an event is its fields, its data line by line, and an empty line",
    arguments: [
      (ServerSentEvent("hello"), "data: hello\n\n"),
      (ServerSentEvent(""), "data: \n\n"),
      (ServerSentEvent("a\nb\r\nc\rd\n"), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
      (
        ServerSentEvent("{}", name: "paid", id: "7", retry: .milliseconds(2500)),
        "event: paid\nid: 7\nretry: 2500\ndata: {}\n\n"
      ),
      (ServerSentEvent(nil, retry: .seconds(3)), "retry: 3000\n\n"),
      (
        ServerSentEvent("x", name: "a\nid: 9", id: "1\r\n\0"),
        "event: a?id: 9\nid: 1??\ndata: x\n\n"
      ),
      (ServerSentEvent("grüße 🎁"), "data: grüße 🎁\n\n"),
    ])
  func framing(_ event: ServerSentEvent, _ text: String) {
    #expect(String(decoding: event.bytes, as: UTF8.self) == text)
  }

  @Test("events reach the client as they happen; a comment beats between them")
  func served() async throws {
    let (gate, opening) = AsyncStream.makeStream(of: Void.self)
    var router = Router()
    router.on(.get, "/events") { _, _ in
      .serverSentEvents(heartbeat: .milliseconds(20)) { events in
        try await events.send(ServerSentEvent("one"))
        for await _ in gate {}
        try await events.comment("bye")
      }
    }
    try await withServer(handler: router) { server in
      try await withClient(of: server) { client in
        try client.send(get("/events"))
        let head = try client.answer()
        #expect(head["Content-Type"] == "text/event-stream")
        #expect(head["Cache-Control"] == "no-store")
        try client.receive(until: "data: one\n\n")
        try client.receive(until: ": \n\n")
        opening.finish()
        let text = try client.chunkedBody()
        #expect(text.hasPrefix("data: one\n\n: \n\n") && text.contains(": bye\n\n"))
      }
    }
  }

  @Test("a client that comes back says where it was")
  func lastEventID() async throws {
    var router = Router()
    router.on(.get, "/events") { request, _ in
      let last = request.lastEventID ?? "none"
      return .serverSentEvents { try await $0.send(ServerSentEvent("after \(last)", id: "8")) }
    }
    try await withServer(handler: router) { server in
      try await withClient(of: server) { client in
        try client.send(get("/events") + get("/events", "Last-Event-ID: 7"))
        for place in ["none", "7"] {
          _ = try client.answer()
          #expect(try client.chunkedBody() == "id: 8\ndata: after \(place)\n\n")
        }
      }
    }
  }

  @Test("a producer that fails cuts the stream, and its heartbeat ends with it")
  func failing() async throws {
    var router = Router()
    router.on(.get, "/events") { _, _ in
      .serverSentEvents { events in
        try await events.send(ServerSentEvent("one"))
        try await EventLoop.current?.sleep(for: .milliseconds(20))
        throw RouteFailure()
      }
    }
    let recorder = Recorder()
    try await withServer(observer: recorder, handler: router) { server in
      try await withClient(of: server) { client in
        try client.send(get("/events"))
        _ = try client.answer()
        #expect(try client.rest().end == .reset)
      }
      try await eventually { server.connectionCount == 0 }
    }
    #expect(recorder.served.map { $0.failure is RouteFailure } == [true])
  }
}

import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import Testing

@Suite struct HTTPServerTests {
  @Test("a connection serves one request after the other (9112 §9.3)")
  func keepAlive() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        for number in 1...3 {
          try client.send(get("/number/\(number)"))
          let answer = try client.answer()
          #expect(answer.status == 200)
          #expect(answer.body == "\(number)")
          #expect(answer["Content-Type"] == "text/plain")
          #expect(answer["Date"]?.hasSuffix(" GMT") == true)
          #expect(answer["Connection"] == nil)
        }
      }
    }
  }

  @Test("a pipeline of 10,000 requests, some answered later, is answered in order (9112 §9.3.2)")
  func pipelining() async throws {
    var limits = HTTPLimits()
    limits.requestsPerConnectionMax = 20_000
    try await withServer(limits: limits) { server in
      try await withClient(of: server) { client in
        for batch in 0..<100 {
          let numbers = batch * 100..<(batch + 1) * 100
          let paths = numbers.map { $0 % 7 == 0 ? "/later/\($0)" : "/number/\($0)" }
          try client.send(paths.map { get($0) }.joined())
          for number in numbers { #expect(try client.answer().body == "\(number)") }
        }
      }
    }
  }

  @Test("a pipeline of requests that all are answered later comes back in order")
  func latePipeline() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send((0..<500).map { get("/later/\($0)") }.joined())
        for number in 0..<500 { #expect(try client.answer().body == "\(number)") }
      }
    }
  }

  @Test("a slow answer does not hold back those ahead of it in the pipeline")
  func slowOneBehind() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send(get("/later/1") + get("/wait/5000") + get("/hello"))
        #expect(try client.answer().body == "1")
        client.reset()
      }
    }
  }

  @Test("requests may arrive a byte at a time")
  func bytewise() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        let message =
          post("Transfer-Encoding: chunked", body: "3\r\nabc\r\n0\r\nX: y\r\n\r\n")
          .replacing("POST /", with: "POST /mirror") + get("/hello")
        for byte in message.utf8 { try client.send([byte]) }
        #expect(try client.answer().body == "abc")
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("bodies of any length arrive whole, large answers too")
  func largeBodies() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        for length in [0, 1, 65_535, 65_536, 1_000_000] {
          let body = String(repeating: "x", count: length)
          try client.send(
            "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n\(body)")
          #expect(try client.answer().body == body)
        }
        try client.send(get("/bytes/5000000") + get("/hello"))
        #expect(try client.answer().body.utf8.count == 5_000_000)
        #expect(try client.answer().body == "hello")
      }
    }
  }

  @Test("HEAD has the fields of GET and no body, errors included (9110 §9.3.2)")
  func head() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send(
          "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /none HTTP/1.1\r\nHost: a\r\n\r\n")
        let found = try client.answer(toHead: true)
        #expect(found.status == 200 && found["Content-Length"] == "5")
        let missing = try client.answer(toHead: true)
        #expect(missing.status == 404 && missing["Content-Length"] == "55")
        try client.send("HEAD /hello HTTP/1.1\r\nX y\r\n\r\n")
        let refused = try client.answer(toHead: true)
        #expect(refused.status == 400)
        #expect(try client.rest().text == "")
      }
    }
  }

  @Test("404, 405 and OPTIONS leave the connection open, with a body of theirs read (9112 §9.3)")
  func refusalsByRouter() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        let body = "Content-Length: 3\r\n\r\nabc"
        try client.send("POST /none HTTP/1.1\r\nHost: a\r\n\(body)")
        try client.send("POST /hello HTTP/1.1\r\nHost: a\r\n\(body)")
        try client.send("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        try client.send("TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        try client.send("DELETE /thing HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.answer().status == 404)
        let refused = try client.answer()
        #expect(refused.status == 405 && refused["Allow"] == "GET, HEAD, OPTIONS")
        #expect(refused["Content-Type"] == "application/problem+json")
        let options = try client.answer()
        #expect(options.status == 204 && options["Allow"] == "GET, HEAD, OPTIONS")
        #expect(options["Content-Length"] == nil)
        #expect(try client.answer().status == 405)
        #expect(try client.answer().status == 204)
      }
    }
  }

  @Test("a handler's failure is a 500 that tells nothing, and the connection goes on")
  func failures() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      try await withClient(of: server) { client in
        try client.send(get("/fails") + get("/fails-later") + get("/query?a=%zz"))
        for _ in 0..<2 {
          let answer = try client.answer()
          #expect(answer.status == 500)
          #expect(
            answer.body
              == #"{"type":"about:blank","title":"Internal Server Error","status":500}"#)
        }
        #expect(try client.answer().status == 400)
        try client.send(get("/hello"))
        #expect(try client.answer().status == 200)
      }
    }
    #expect(recorder.served.map { $0.failure is RouteFailure } == [true, true, false, false])
  }

  @Test("the observer sees every answer, with its route, refusals included")
  func observer() async throws {
    let recorder = Recorder()
    try await withServer(observer: recorder) { server in
      try await withClient(of: server) { client in
        try client.send(get("/number/7") + get("/later/8") + get("/none") + "bad\r\n\r\n")
        for _ in 0..<4 { _ = try client.answer() }
      }
    }
    let served = recorder.served
    #expect(served.map(\.status.code) == [200, 200, 404, 400])
    #expect(served.map(\.route) == ["/number/{n}", "/later/{n}", nil, nil])
    #expect(served.map(\.request?.path) == ["/number/7", "/later/8", "/none", nil])
    #expect(served.first?.responseBodyBytes == 1)
    #expect(served.allSatisfy { $0.duration >= .zero && $0.duration < .seconds(5) })
  }

  @Test("a handler's task runs on the connection's loop and knows the client's address")
  func place() async throws {
    try await withServer { server in
      try await withClient(of: server) { client in
        try client.send(get("/place"))
        #expect(try client.answer().body == "true 127.0.0.1")
      }
    }
  }

  @Test("any handler will do; its requests are answered in tasks")
  func plainHandler() async throws {
    struct Plain: HTTPHandler {
      func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
        await Task.yield()
        return text("\(request.method.rawValue) \(request.body.count)")
      }
    }
    try await withServer(handler: Plain()) { server in
      try await withClient(of: server) { client in
        try client.send(get("/") + post("Content-Length: 2", body: "ab"))
        #expect(try client.answer().body == "GET 0")
        #expect(try client.answer().body == "POST 2")
      }
    }
  }

  @Test("a port that is taken, or an address that is none, is an error with a name")
  func startErrors() async throws {
    try await withServer { server in
      let group = EventLoopGroup(count: 1)
      let second = HTTPServer(handler: testRoutes(), group: group, port: server.port)
      await #expect(throws: HTTPServerError.addressInUse(port: server.port)) {
        try await second.start()
      }
      let elsewhere = HTTPServer(handler: testRoutes(), group: group, host: "nowhere", port: 0)
      await #expect(throws: HTTPServerError.noSuchAddress("nowhere")) {
        try await elsewhere.start()
      }
      let foreign = HTTPServer(handler: testRoutes(), group: group, host: "192.0.2.1", port: 0)
      await #expect(throws: HTTPServerError.noSuchAddress("192.0.2.1")) {
        try await foreign.start()
      }
      group.stop()
    }
  }
}

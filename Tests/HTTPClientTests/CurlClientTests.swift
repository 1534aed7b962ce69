import EventLoops
import HTTPMessages
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

@Suite("CurlClient", .timeLimit(.minutes(1)))
struct CurlClientTests {
  let group = oneLoop

  func request(
    _ method: HTTPMethod = .get, _ target: String = "/", to server: ScriptedServer,
    body: String = ""
  ) -> HTTPRequest {
    var request = HTTPRequest(method, target, body: Array(body.utf8))
    request.authority = server.authority
    request.timeout = .seconds(10)
    return request
  }

  // MARK: What is sent

  @Test("a request arrives as it was built, with the client's own framing and nothing of libcurl's")
  func wire() async throws {
    let heads = Mutex<[String]>([])
    let server = try ScriptedServer { connection in
      while let head = connection.readRequest() {
        heads.withLock { $0.append(head) }
        connection.write("HTTP/1.1 204 No Content\r\n\r\n")
      }
    }
    defer { server.close() }
    let client = CurlClient(group: group)
    var get = request(.get, "/a/../b?q=%20x", to: server)
    get.fields.append("X-Two", "1")
    get.fields.append("X-Two", "2")
    get.fields.append("X-Empty", "")
    _ = try await client.handle(get)
    var put = request(.put, "/p", to: server, body: "{}")
    put.fields[.contentType] = "application/json"
    _ = try await client.handle(put)
    _ = try await client.handle(request(.post, "/none", to: server))
    _ = try await client.handle(request(.delete, "/gone", to: server))
    let seen = heads.withLock { $0 }
    #expect(
      seen[0] == "GET /a/../b?q=%20x HTTP/1.1\r\nHost: \(server.authority)\r\n"
        + "X-Two: 1\r\nX-Two: 2\r\nX-Empty:\r\n\r\n")
    #expect(
      seen[1] == "PUT /p HTTP/1.1\r\nHost: \(server.authority)\r\n"
        + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    #expect(
      seen[2] == "POST /none HTTP/1.1\r\nHost: \(server.authority)\r\nContent-Length: 0\r\n\r\n")
    #expect(seen[3] == "DELETE /gone HTTP/1.1\r\nHost: \(server.authority)\r\n\r\n")
  }

  @Test("a body of several megabytes is sent whole, without waiting for leave")
  func largeUpload() async throws {
    let sizes = Mutex<[Int]>([])
    let server = try ScriptedServer { connection in
      guard let head = connection.readHead() else { return }
      let announced = head.count(after: "Content-Length: ")
      sizes.withLock { $0 = [announced, connection.skip(announced)] }
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    defer { server.close() }
    let body = String(repeating: "0123456789abcdef", count: 3 << 16)
    let response = try await CurlClient(group: group)
      .handle(request(.post, to: server, body: body))
    #expect(response.status.code == 200)
    #expect(sizes.withLock { $0 } == [body.utf8.count, body.utf8.count])
  }

  // MARK: What comes back

  @Test("the answer has its status, its fields in order and its body")
  func answer() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\nX-A: 1\r\nx-a:  2 \r\n\r\nabc")
    defer { server.close() }
    let response = try await CurlClient(group: group).handle(request(to: server))
    #expect(response.status.code == 418)
    #expect(response.fields.values("X-A") == ["1", "2"])
    #expect(response.body == Array("abc".utf8))
  }

  @Test("an interim response is not the answer")
  func interim() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-End: 1\r\n\r\n")
    defer { server.close() }
    let response = try await CurlClient(group: group).handle(request(to: server))
    #expect(response.status.code == 200)
    #expect(response.fields[.link] == nil)
    #expect(response.fields["X-End"] == nil)
    #expect(response.body == Array("ok".utf8))
  }

  @Test("the answer to HEAD has no body, whatever its length says")
  func head() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    defer { server.close() }
    let response = try await CurlClient(group: group).handle(request(.head, to: server))
    #expect(response.fields[.contentLength] == "99")
    #expect(response.body.isEmpty)
  }

  @Test("a redirect is an answer, and is not followed")
  func redirect() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let response = try await CurlClient(group: group).handle(request(to: server))
    #expect(response.status.code == 302)
    #expect(response.fields[.location] == "/elsewhere")
  }

  @Test("a body past the limit is refused, one of just that size is taken")
  func bodyLimit() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + String(repeating: "x", count: 100))
    defer { server.close() }
    var limits = ClientLimits()
    limits.responseBytesMax = 100
    let response = try await CurlClient(group: group, limits: limits).handle(request(to: server))
    #expect(response.body.count == 100)
    limits.responseBytesMax = 99
    let small = CurlClient(group: group, limits: limits)
    await #expect(throws: HTTPClientError.answerTooLarge(bytesMax: 99)) {
      try await small.handle(request(to: server))
    }
  }

  @Test("a head past the limit is refused")
  func headLimit() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 200 OK\r\nX-Long: \(String(repeating: "x", count: 5000))\r\n\r\n")
    defer { server.close() }
    var limits = ClientLimits()
    limits.responseHeadBytesMax = 4096
    let client = CurlClient(group: group, limits: limits)
    await #expect(throws: HTTPClientError.answerTooLarge(bytesMax: limits.responseBytesMax)) {
      try await client.handle(request(to: server))
    }
  }

  // MARK: Connections

  @Test("requests one after another share a connection")
  func reuse() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let client = CurlClient(group: group)
    for _ in 1...5 { _ = try await client.handle(request(to: server)) }
    #expect(server.connectionCount == 1)
  }

  @Test("a request that asks for a fresh connection shares none, before or after it")
  func fresh() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let client = CurlClient(group: group)
    _ = try await client.handle(request(to: server))
    var post = request(.post, to: server, body: "x")
    post.sendsOnFreshConnection = true
    _ = try await client.handle(post)
    _ = try await client.handle(post)
    #expect(server.connectionCount == 3)
    _ = try await client.handle(request(to: server))
    #expect(server.connectionCount == 3)
  }

  @Test("an idle connection that the server closed is not an error for the next request")
  func closedWhileIdle() async throws {
    let server = try ScriptedServer { connection in
      guard connection.readRequest() != nil else { return }
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    defer { server.close() }
    let client = CurlClient(group: group)
    for _ in 1...20 {
      #expect(try await client.handle(request(to: server)).status.code == 200)
    }
  }

  @Test("a client's idle connections are closed when it goes")
  func closesWithClient() async throws {
    let (events, told) = AsyncStream<Void>.makeStream()
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      connection.waitForClose()
      told.yield()
    }
    defer { server.close() }
    _ = try await CurlClient(group: group).handle(request(to: server))
    for await _ in events { break }
  }

  @Test("a host with several addresses is reached at the one that answers")
  func severalAddresses() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    var request = request(to: server)
    request.authority = "localhost:\(server.port)"
    #expect(try await CurlClient(group: group).handle(request).status.code == 200)
  }

  // MARK: Where it runs

  @Test("a caller on a loop stays on it")
  func staysOnLoop() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let group = twoLoops
    let client = CurlClient(group: group)
    let request = request(to: server)
    for loop in group.loops {
      let stayed = try await Task(executorPreference: loop) {
        _ = try await client.handle(request)
        return loop.isCurrent
      }.value
      #expect(stayed)
    }
  }

  @Test("many requests at once all get their answers")
  func concurrent() async throws {
    let server = try ScriptedServer { connection in
      while let head = connection.readRequest() {
        let path = head.split(separator: " ")[1]
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    defer { server.close() }
    var limits = ClientLimits()
    limits.connectTimeout = .seconds(10)
    let client = CurlClient(group: twoLoops, limits: limits)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for number in 1...200 {
        let request = request(.get, "/\(number)", to: server)
        tasks.addTask {
          let response = try await client.handle(request)
          #expect(response.body == Array("/\(number)".utf8))
        }
      }
      try await tasks.waitForAll()
    }
  }
}

extension ScriptedConnection {
  /// Reads a request's head alone.
  fileprivate func readHead() -> [String]? {
    var lines: [String] = []
    while let line = readLine() {
      if line.isEmpty { return lines }
      lines.append(line)
    }
    return nil
  }
}

extension [String] {
  fileprivate func count(after prefix: String) -> Int {
    first { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) } ?? 0
  }
}

import CCurl
import EventLoops
import Glibc
import HTTPMessages
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

@Suite("What CurlClient says of a failure", .timeLimit(.minutes(1)))
struct CurlClientFailureTests {
  let group = oneLoop

  func request(_ method: HTTPMethod = .get, to authority: String) -> HTTPRequest {
    var request = HTTPRequest(method, "/", body: method == .post ? [1, 2, 3] : [])
    request.authority = authority
    request.timeout = .seconds(10)
    return request
  }

  @Test("a refused connection: the request was not sent")
  func refused() async throws {
    let port = try LoopbackPort.free(1)[0]
    let client = CurlClient(group: group)
    await #expect(throws: HTTPClientError.notSent(.connectionRefused)) {
      try await client.handle(request(.post, to: "127.0.0.1:\(port)"))
    }
  }

  /// A listener that is killed resets the connections it has not accepted: libcurl sees that while
  /// it connects, or, once in thousands, between that and its first byte.
  @Test(
    "a connection that was reset before the first byte counts as refused",
    arguments: [CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR], [ECONNREFUSED, ECONNRESET, EPIPE])
  func resetBeforeFirstByte(code: CURLcode, systemError: Int32) {
    #expect(error(code, systemError: systemError) == .notSent(.connectionRefused))
  }

  @Test("what breaks while the request is being sent may have been processed")
  func resetWhileSending() {
    let error = error(CURLE_SEND_ERROR, systemError: ECONNRESET, requestBytes: 100)
    guard case .maybeProcessed = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test(
    "what the network cannot do is no refusal",
    arguments: [CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR])
  func unreachable(code: CURLcode) {
    guard case .notSent(.other) = error(code, systemError: ENETUNREACH) else {
      Issue.record("\(error(code, systemError: ENETUNREACH))")
      return
    }
  }

  /// A request that libcurl sends again, because its connection was dead, may wait for another
  /// connection.
  @Test("the connect limit is no timeout of the exchange, whatever had left before")
  func connectLimitAfterResend() {
    #expect(error(CURLE_OPERATION_TIMEDOUT, elapsed: .seconds(1)) == .notSent(.connectTimedOut))
    guard
      case .maybeProcessed = error(
        CURLE_OPERATION_TIMEDOUT, requestBytes: 100, elapsed: .seconds(1))
    else {
      Issue.record("taken for another failure")
      return
    }
    #expect(
      error(CURLE_OPERATION_TIMEDOUT, requestBytes: 100, elapsed: .microseconds(1_999_900))
        == .timedOut(sent: true))
  }

  @Test("an answer that is no HTTP: it may have been processed")
  func notHTTP() async throws {
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.write("SSH-2.0-OpenSSH_9.2p1\r\n")
    }
    defer { server.close() }
    let error = await failure(of: request(.post, to: server.authority))
    guard case .maybeProcessed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  private func error(
    _ code: CURLcode, systemError: Int32 = 0, requestBytes: Int = 0, elapsed: Duration = .zero
  ) -> HTTPClientError {
    HTTPClientError(
      CurlFailure(
        code: code, reply: CurlReply(), requestBytes: requestBytes, uploadBytes: 0,
        elapsed: elapsed, systemError: systemError, isTooLarge: false, isAddressRefused: false),
      timeout: .seconds(2), responseBytesMax: 1000)
  }

  @Test("an unknown host: the request was not sent")
  func unknownHost() async {
    // A label of more than 63 letters: known to be none without asking a name server.
    let host = String(repeating: "a", count: 64) + ".invalid"
    #expect(await failure(of: request(to: "\(host):80")) == .notSent(.hostNotFound))
  }

  @Test("a server that accepts no connection: not sent, after the connect timeout")
  func connectTimeout() async throws {
    let full = try FullBacklog()
    defer { full.close() }
    var limits = ClientLimits()
    limits.connectTimeout = .milliseconds(100)
    let client = CurlClient(group: group, limits: limits)
    await #expect(throws: HTTPClientError.notSent(.connectTimedOut)) {
      try await client.handle(request(to: full.authority))
    }
  }

  @Test("a reset before the answer: it may have been processed")
  func reset() async throws {
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.resetOnClose()
    }
    defer { server.close() }
    let error = await failure(of: request(.post, to: server.authority))
    guard case .maybeProcessed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("an end of the connection before the answer: it may have been processed")
  func emptyReply() async throws {
    let server = try ScriptedServer { connection in _ = connection.readRequest() }
    defer { server.close() }
    let error = await failure(of: request(.post, to: server.authority))
    guard case .maybeProcessed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("an answer cut short is no answer")
  func cutShort() async throws {
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    }
    defer { server.close() }
    let error = await failure(of: request(to: server.authority))
    guard case .maybeProcessed = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "a server that hangs before or within its answer: timed out, the request sent",
    arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
  func hang(part: String) async throws {
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.write(part)
      connection.waitForClose()
    }
    defer { server.close() }
    var request = request(to: server.authority)
    request.timeout = .seconds(1)
    let clock = ContinuousClock()
    let elapsed = await clock.measure {
      let error = await failure(of: request)
      #expect(error == .timedOut(sent: true))
    }
    #expect(elapsed >= .seconds(1))
  }

  @Test("a transfer whose timer libcurl has lost ends all the same")
  func lostTimer() async throws {
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.waitForClose()
    }
    defer { server.close() }
    let timeout = Duration.milliseconds(300)
    let transfer = CurlTransfer(
      limits: ClientLimits(), timeout: timeout,
      configure: { _, easy in
        ccurl_set_string(easy, CURLOPT_URL, "http://\(server.authority)/")
        ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, 0)
      },
      explain: { HTTPClientError($0, timeout: timeout, responseBytesMax: 1000) })
    await #expect(throws: HTTPClientError.timedOut(sent: true)) {
      try await transfer.perform(on: CurlLoops(group: group, limits: ClientLimits()))
    }
  }

  @Test("no time left: timed out, nothing sent, no connection made")
  func noTime() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\n\r\n")
    defer { server.close() }
    var request = request(to: server.authority)
    request.timeout = .zero
    #expect(await failure(of: request) == .timedOut(sent: false))
    #expect(server.connectionCount == 0)
  }

  @Test("a server that speaks no TLS: the handshake failed, nothing sent")
  func notTLS() async throws {
    let server = try ScriptedServer { connection in
      connection.write("HTTP/1.1 400 Bad Request\r\n\r\n")
    }
    defer { server.close() }
    var request = request(to: server.authority)
    request.isSecure = true
    guard case .notSent = await failure(of: request, on: tlsLoop) else {
      Issue.record("sent")
      return
    }
  }

  @Test("one transfer more than the limit is refused at once")
  func tooMany() async throws {
    let (arrived, arrivals) = AsyncStream<Void>.makeStream()
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      arrivals.yield()
      connection.waitForClose()
    }
    defer { server.close() }
    var limits = ClientLimits()
    limits.transfersPerLoopMax = 1
    let client = CurlClient(group: group, limits: limits)
    let request = request(to: server.authority)
    let first = Task { try await client.handle(request) }
    for await _ in arrived { break }
    await #expect(throws: HTTPClientError.notSent(.tooManyTransfers)) {
      try await client.handle(request)
    }
    first.cancel()
    _ = await first.result
  }

  // MARK: Cancellation

  @Test("cancellation ends a transfer at once and closes its connection")
  func cancellation() async throws {
    let (arrived, arrivals) = AsyncStream<String>.makeStream()
    let server = try ScriptedServer { connection in
      _ = connection.readRequest()
      arrivals.yield("request")
      connection.waitForClose()
      arrivals.yield("closed")
    }
    defer { server.close() }
    let client = CurlClient(group: group)
    let request = request(to: server.authority)
    let call = Task { try await client.handle(request) }
    var events = arrived.makeAsyncIterator()
    #expect(await events.next() == "request")
    let clock = ContinuousClock()
    let elapsed = await clock.measure {
      call.cancel()
      await #expect(throws: CancellationError.self) { try await call.value }
    }
    #expect(elapsed < .milliseconds(500))
    #expect(await events.next() == "closed")
  }

  @Test("a task that is cancelled already sends nothing")
  func cancelledBefore() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let client = CurlClient(group: group)
    let request = request(to: server.authority)
    let call = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await client.handle(request)
    }
    await #expect(throws: CancellationError.self) { try await call.value }
    #expect(server.connectionCount == 0)
  }

  // MARK: The caller's mistakes

  @Test(
    "what could become another request is refused",
    arguments: [
      "", "no-slash", "/a b", "/a\r\nHost: evil", "/a#fragment", "/ü", "http://other/",
    ])
  func badTarget(target: String) async {
    var request = HTTPRequest(.get, target)
    request.authority = "127.0.0.1:1"
    guard case .badRequest = await failure(of: request) else {
      Issue.record("\(target) was sent")
      return
    }
  }

  @Test(
    "what is no authority is refused",
    arguments: ["", "user@host", "host/path", "host?x", "a b", "host\r\n"])
  func badAuthority(authority: String) async {
    guard case .badRequest = await failure(of: request(to: authority)) else {
      Issue.record("\(authority) was called")
      return
    }
  }

  private func failure(
    of request: HTTPRequest, on group: EventLoopGroup = oneLoop
  ) async -> HTTPClientError? {
    do {
      _ = try await CurlClient(group: group).handle(request)
      return nil
    } catch {
      return error as? HTTPClientError
    }
  }
}

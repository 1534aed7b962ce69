import EventLoops
import Glibc
import HTTPMessages
import Logging
import Resilience
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Calls to a peer with little time left", .timeLimit(.minutes(1)))
struct UpstreamDeadlineTests {
  private let group = EventLoopGroup(count: 1)

  private func peers(_ server: ScriptedServer) throws -> Peers {
    let settings = try Settings(
      environment: [
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/none", "DISCOVERY": "static",
        "STATIC_PEERS": "slow=127.0.0.1:\(server.port)",
      ], for: .inspect, portDefault: 0)
    return try Peers(
      identity: ServiceIdentity(name: "caller", short: "caller", schema: "caller", port: 0),
      settings: settings, group: group, signer: nil,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func silentServer() throws -> ScriptedServer {
    try ScriptedServer { connection in
      _ = connection.readRequest()
      connection.waitForClose()
    }
  }

  private func breaker(of peers: Peers) throws -> CircuitBreaker {
    try #require(peers.pipelines.first { $0.target == "slow" }?.pipeline.circuitBreaker)
  }

  /// - Parameter limit: what is left of the request's time; nil for all that an attempt gets.
  private func call(_ upstream: any Upstream, within limit: Duration?) async throws {
    let deadline = limit.map { Deadline(after: $0, from: MonotonicClock().now) } ?? .none
    _ = try await Deadline.$current.withValue(deadline) {
      try await upstream.send(HTTPRequest(.get, "/"), options: CallOptions())
    }
  }

  @Test("a peer that gives up because the time left is short keeps its circuit closed")
  func shortDeadline() async throws {
    let server = try ScriptedServer { connection in
      while connection.readRequest() != nil {
        usleep(90_000)
        connection.write("HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n")
      }
    }
    defer { server.close() }
    let peers = try peers(server)
    let upstream = peers.upstream("slow")
    // Answered or timed out: the machine may be busy.
    for _ in 0..<6 { _ = try? await call(upstream, within: .milliseconds(100)) }
    #expect(peers.deadlineCounts == [.client: 6])
    let breaker = try breaker(of: peers)
    #expect(breaker.state == .closed)
    #expect(breaker.snapshot.totals.failed == 0)
    // With an attempt's whole time, or most of it left, the same answer is the peer's own failure.
    for _ in 0..<5 { _ = try? await call(upstream, within: nil) }
    #expect(breaker.state == .open)
    breaker.reset()
    for _ in 0..<5 { _ = try? await call(upstream, within: .milliseconds(1500)) }
    #expect(breaker.state == .open)
  }

  @Test("a peer that does not answer within the short time left keeps its circuit, too")
  func silentPeer() async throws {
    let server = try silentServer()
    defer { server.close() }
    let peers = try peers(server)
    let upstream = peers.upstream("slow")
    for _ in 0..<6 {
      let failure = await #expect(throws: UpstreamFailure.self) {
        try await call(upstream, within: .milliseconds(50))
      }
      #expect(failure?.reason == .deadlineExceeded)
    }
    #expect(try breaker(of: peers).snapshot.totals.failed == 0)
    #expect(peers.deadlineCounts == [.client: 6])
  }

  @Test("an attempt that times out by itself is no deadline's; a failure tells of its retries")
  func attemptTimeout() async throws {
    let server = try silentServer()
    defer { server.close() }
    let peers = try peers(server)
    let upstream = peers.upstream("slow")
    for (idempotency, isRepeated) in [(Idempotency.unsafe, false), (.safe, true)] {
      var options = CallOptions()
      options.attemptTimeout = .milliseconds(250)
      options.idempotency = idempotency
      let failure = await #expect(throws: UpstreamFailure.self) {
        try await upstream.send(HTTPRequest(.get, "/"), options: options)
      }
      #expect(failure?.retriesAreSpent == isRepeated)
    }
    #expect(peers.deadlineCounts == [:])
    let view = try #require(peers.breakers().first { $0.target == "slow" })
    #expect(view.calls == 4 && view.state == "closed" && !view.isForced)
    // Two calls' worth of a fifth, less two retries, and what is always granted: three a second for ten.
    #expect(view.retryBudget == 28 && view.retriesDenied == 0)
    #expect(try peers.order(.forcedOpen, of: "slow").isForced)
  }

  @Test("an answer that repeating did not change is not to be repeated further out")
  func pushback() async throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let peers = try peers(server)
    let upstream = peers.upstream("slow")
    for (idempotency, isRepeated) in [(Idempotency.unsafe, false), (.safe, true)] {
      var options = CallOptions()
      options.idempotency = idempotency
      let answer = try await upstream.send(HTTPRequest(.get, "/"), options: options)
      #expect(answer.status.code == 503)
      #expect(answer.fields["X-Retry-Pushback-Ms"] == (isRepeated ? "-1" : nil))
      let failure = UpstreamFailure(target: "slow", answer: answer)
      #expect(failure.retriesAreSpent == isRepeated)
    }
    let pushedBack = HTTPResponse(HTTPStatus(503)).adding(.retryPushback, "-1")
    #expect(UpstreamFailure(target: "slow", answer: pushedBack).retriesAreSpent)
  }

  @Test("what could not come back in time is not sent")
  func noTime() async throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    defer { server.close() }
    let peers = try peers(server)
    let upstream = peers.upstream("slow")
    for _ in 0..<6 {
      let failure = await #expect(throws: UpstreamFailure.self) {
        try await call(upstream, within: .milliseconds(4))
      }
      #expect(failure?.reason == .deadlineExceeded)
    }
    #expect(server.connectionCount == 0)
    #expect(try breaker(of: peers).state == .closed)
    #expect(peers.deadlineCounts == [.client: 6])
  }
}

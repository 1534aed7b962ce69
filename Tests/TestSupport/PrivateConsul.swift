import Dispatch
import Glibc
import Synchronization

/// A Consul agent of a test's own: in a temporary directory, on free ports of 127.0.0.1, gone when it
/// is stopped or when this process is, however that ends. Its state is in memory: started again, it
/// knows nothing.
package final class PrivateConsul: Sendable {
  /// Why there is no agent to test against. Tests fail with this; they are never skipped.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// What CONSUL_HTTP_ADDR takes.
  package var address: String { "127.0.0.1:\(ports[0])" }

  private let ports: [UInt16]
  private let directory: String
  /// The write end of the pipe whose end is the agent's end; -1 while it is stopped.
  private let lifeline: Mutex<Int32>

  private static let startedWithin: Duration = .seconds(15)
  private static let attempts = 3

  /// Starts an agent and returns when it leads its cluster of one.
  ///
  /// - Throws: `Failure`
  package static func start() async throws -> PrivateConsul {
    try await blocking {
      guard Program.isOnPath("consul") else {
        throw Failure(description: "consul is needed: apt-get install consul")
      }
      var last: any Error = Failure(description: "not tried")
      for _ in 1...attempts {
        // Somebody may take a port between its choice and its use.
        do { return try PrivateConsul() } catch { last = error }
      }
      throw last
    }
  }

  /// Kills the agent, as a crash would, and returns when nothing listens any more.
  package func stop() async throws {
    try await Self.blocking { try self.kill() }
  }

  /// Starts the stopped agent again, on the same ports and without its state.
  package func startAgain() async throws {
    try await Self.blocking { try self.launch() }
  }

  private init() throws {
    var template = Array("/tmp/shop-consul-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: errno \(errno)") }
    directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    ports = try LoopbackPort.free(3)
    lifeline = Mutex(-1)
    do { try launch() } catch {
      try? kill()  // The failure to start is the one to tell.
      throw error
    }
  }

  deinit {
    let end = lifeline.withLock { $0 }
    if end >= 0 { close(end) }
  }

  // MARK: Life

  private func launch() throws {
    // A name of its own for every start: only our child can answer with it.
    let node = "shop-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    mkdir(directory, 0o700)  // gone with the last agent; there already for the first
    let log = "\(directory)/log"
    let agent = """
      consul agent -dev -client=127.0.0.1 -bind=127.0.0.1 -node=\(node) -http-port=\(ports[0]) \
      -server-port=\(ports[1]) -serf-lan-port=\(ports[2]) -dns-port=-1 -grpc-port=-1 \
      -serf-wan-port=-1 -log-level=warn
      """
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    try Program.spawn(
      [
        "/bin/sh", "-c",
        """
        trap '' INT TERM HUP
        \(agent) </dev/null &
        child=$!
        read -r line
        rm -rf \(directory)
        kill -9 $child
        """,
      ], input: ends[0], output: log)
    lifeline.withLock { $0 = ends[1] }
    try awaitLeadership(node, log: log)
  }

  private func awaitLeadership(_ node: String, log: String) throws {
    let deadline = ContinuousClock.now + Self.startedWithin
    while ContinuousClock.now < deadline {
      let identity = LoopbackHTTP.get("/v1/agent/self", port: ports[0]) ?? ""
      let leader = LoopbackHTTP.get("/v1/status/leader", port: ports[0]) ?? ""
      if identity.contains("\"\(node)\""), leader.contains("\"127.0.0.1:\(ports[1])\"") { return }
      usleep(20_000)
    }
    throw Failure(
      description: "no consul agent within \(Self.startedWithin): \(Program.tail(of: log))")
  }

  private func kill() throws {
    lifeline.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
    let deadline = ContinuousClock.now + Self.startedWithin
    while LoopbackPort.isListening(ports[0]) {
      guard ContinuousClock.now < deadline else {
        throw Failure(description: "consul still listens on \(ports[0])")
      }
      usleep(5_000)
    }
  }

  private static func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      // A thread of its own: those of the global queue are few, and run the tests.
      DispatchQueue(label: "private-consul").async {
        continuation.resume(with: Result(catching: body))
      }
    }
  }
}

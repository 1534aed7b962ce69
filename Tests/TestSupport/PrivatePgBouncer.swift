import Glibc
import Synchronization

/// A PgBouncer of a test's own in transaction mode, before a `PrivatePostgres`; gone when it is killed
/// or when this process is, however that ends.
package final class PrivatePgBouncer: Sendable {
  package typealias Failure = PrivatePostgres.Failure

  package let port: UInt16
  private let directory: String
  private let program: String
  private let settings: String
  /// The write end of the pipe whose end is PgBouncer's end; -1 while it is stopped.
  private let lifeline = Mutex<Int32>(-1)

  private static let startedWithin: Duration = .seconds(15)

  package static var isInstalled: Bool { findProgram() != nil }

  /// Debian keeps it in a directory that is not on every PATH.
  private static func findProgram() -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin"]).map { "\($0)/pgbouncer" }
      .first { access($0, X_OK) == 0 }
  }

  /// Starts one and returns when it takes connections.
  ///
  /// - Parameter serverConnectionsMax: connections to the server, of each database.
  /// - Throws: `Failure`
  package static func start(
    before server: PrivatePostgres, serverConnectionsMax: Int
  ) async throws -> PrivatePgBouncer {
    try await PrivatePostgres.blocking {
      try PrivatePgBouncer(before: server, serverConnectionsMax: serverConnectionsMax)
    }
  }

  private init(before server: PrivatePostgres, serverConnectionsMax: Int) throws {
    guard let program = Self.findProgram() else {
      throw Failure(description: "pgbouncer is needed: apt-get install pgbouncer")
    }
    self.program = program
    port = try LoopbackPort.free(1)[0]
    directory = try PrivatePostgres.makeDirectory()
    settings = """
      [databases]
      * = host=127.0.0.1 port=\(server.port) user=shop password=\(server.password)
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = any
      pool_mode = transaction
      default_pool_size = \(serverConnectionsMax)
      max_client_conn = 200
      server_login_retry = 1
      logfile = \(directory)/log

      """
    try launch()
  }

  /// What takes the place of a server's connection string.
  package func url(_ url: String) -> String {
    let database = url.split(separator: "/").last ?? "postgres"
    return "postgresql://shop@127.0.0.1:\(port)/\(database)"
  }

  /// Kills it and returns when nothing listens any more.
  ///
  /// - Throws: `Failure`
  package func kill() async throws {
    try await PrivatePostgres.blocking { [self] in
      endLife()
      try waitUntil(isListening: false)
    }
  }

  /// Starts it again on its port, after `kill`.
  ///
  /// - Throws: `Failure`
  package func startAgain() async throws {
    try await PrivatePostgres.blocking { [self] in try launch() }
  }

  deinit {
    endLife()
  }

  private func endLife() {
    lifeline.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
  }

  private func launch() throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    // PgBouncer, like PostgreSQL, does not run as root.
    let asUser =
      Program.serverUser == nil ? "" : "setpriv --reuid postgres --regid postgres --init-groups"
    mkdir(directory, 0o700)  // gone with the one before; there already for the first
    if let owner = Program.serverUser { chown(directory, owner.id, owner.group) }
    try PrivatePostgres.write(settings, to: "\(directory)/pgbouncer.ini")
    try Program.spawn(
      [
        "/bin/sh", "-c",
        """
        trap '' INT TERM HUP
        \(asUser) \(program) \(directory)/pgbouncer.ini </dev/null >/dev/null 2>&1 &
        child=$!
        read -r line
        rm -rf \(directory)
        kill -9 $child
        """,
      ], input: ends[0], output: "\(directory)/start.log")
    lifeline.withLock { $0 = ends[1] }
    try waitUntil(isListening: true)
  }

  private func waitUntil(isListening wanted: Bool) throws {
    let deadline = ContinuousClock.now + Self.startedWithin
    while LoopbackPort.isListening(port) != wanted {
      guard ContinuousClock.now < deadline else {
        let log = Program.tail(of: "\(directory)/log")
        throw Failure(
          description: "pgbouncer \(wanted ? "did not start" : "listens"): \(log)")
      }
      usleep(5_000)
    }
  }
}

import CPostgres
import Dispatch
import Glibc
import Synchronization

/// A PostgreSQL server of this test process's own: a cluster in a temporary directory, on a free port
/// of 127.0.0.1, gone when the process is, however it ends.
package final class PrivatePostgres: Sendable {
  /// Why there is no server to test against. Tests fail with this; they are never skipped.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private static let instance = Mutex<Task<PrivatePostgres, any Error>?>(nil)

  /// The connection string of a superuser, to the database `postgres`.
  package let adminURL: String
  package let port: UInt16
  package let password: String
  let programs: String
  let directory: String
  let settings: [String]
  /// The write end of the pipe whose end is the server's end.
  private let lifeline: Mutex<Int32>
  private let databases = Atomic<Int>(0)
  private let lock = DispatchQueue(label: "private-postgres")

  /// The server, started by the first call.
  ///
  /// - Throws: `Failure`
  package static func shared() async throws -> PrivatePostgres {
    let task = instance.withLock { task in
      if let task { return task }
      let new = Task { try await blocking { try PrivatePostgres() } }
      task = new
      return new
    }
    return try await task.value
  }

  /// A server apart from the shared one, for tests that make it crash. It lives until `remove`, or as
  /// long as this process.
  ///
  /// - Parameter settings: of the server, as `name=value`, that replace those of all test servers: what these
  ///   have committed may be gone after a crash.
  /// - Throws: `Failure`
  package static func separate(settings: [String] = []) async throws -> PrivatePostgres {
    try await blocking { try PrivatePostgres(settings: settings) }
  }

  /// Makes an empty database.
  ///
  /// - Parameter name: for whoever looks at the server; a number makes it unique.
  /// - Returns: its connection string, as superuser.
  package func makeDatabase(named name: String) async throws -> String {
    let unique = "\(name)_\(databases.wrappingAdd(1, ordering: .relaxed).newValue)"
    // Databases are copies of one template, made one after another.
    try await Self.blocking { try self.lock.sync { try self.run("CREATE DATABASE \"\(unique)\"") } }
    return url(database: unique)
  }

  /// The connection string of `user` to the database of `url`.
  package func url(_ url: String, user: String, password: String) -> String {
    let database = url.split(separator: "/").last ?? "postgres"
    return "postgresql://\(user):\(password)@127.0.0.1:\(port)/\(database)"
  }

  private func url(database: String) -> String {
    "postgresql://shop:\(password)@127.0.0.1:\(port)/\(database)"
  }

  /// Runs SQL as superuser in the database `postgres`. Blocks.
  func run(_ sql: String) throws {
    let connection = PQconnectdb(adminURL)
    defer { PQfinish(connection) }
    let result = PQexec(connection, sql)
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      throw Failure(description: "\(sql): \(String(cString: PQerrorMessage(connection)))")
    }
  }

  static func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
    }
  }

  // MARK: Starting

  private convenience init(settings: [String] = []) throws {
    let password = String(UInt64.random(in: .min ... .max), radix: 36)
    try self.init(password: password, settings: settings) { programs, directory in
      let passwordFile = "\(directory)/password"
      try Self.write(password, to: passwordFile)
      return [
        "\(programs)/initdb", "-D", "\(directory)/data", "-U", "shop", "--encoding=UTF8",
        "--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile=\(passwordFile)", "--no-sync",
      ]
    }
  }

  /// - Parameter make: the command that makes the cluster in `data` of the directory it is given.
  init(
    password: String, settings: [String],
    making make: (_ programs: String, _ directory: String) throws -> [String]
  ) throws {
    self.password = password
    self.settings = settings
    programs = try Program.postgresDirectory()
    directory = try Self.makeDirectory()
    lifeline = Mutex(try Self.removeAtExit(directory, programs: programs))
    try Program.run(try make(programs, directory), output: "\(directory)/make.log")
    var attempts = 0
    while true {
      let port = try LoopbackPort.free(1)[0]
      do {
        try Self.start(programs: programs, directory: directory, port: port, settings: settings)
        self.port = port
        break
      } catch  where attempts < 3 {
        // Somebody may have taken the port in between.
        attempts += 1
      }
    }
    adminURL = "postgresql://shop:\(password)@127.0.0.1:\(port)/postgres"
  }

  private static func start(
    programs: String, directory: String, port: UInt16, settings: [String]
  ) throws {
    let all =
      [
        "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "fsync=off",
        "synchronous_commit=off", "full_page_writes=off", "max_connections=300",
        "max_prepared_transactions=0", "log_min_messages=warning",
      ] + settings
    try Program.run(
      [
        "\(programs)/pg_ctl", "-D", "\(directory)/data", "-w", "-t", "30", "-l",
        "\(directory)/log", "-o", all.map { "-c \($0)" }.joined(separator: " "), "start",
      ], output: "\(directory)/start.log", log: "\(directory)/log")
  }

  /// Stops the server for good and removes its directory, some time after this returns.
  package func remove() {
    lifeline.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
  }

  static func makeDirectory() throws -> String {
    let pattern = "/tmp/shop-tests-XXXXXX"
    var template = Array(pattern.utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: errno \(errno)") }
    let directory = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    if let owner = Program.serverUser { chown(directory, owner.id, owner.group) }
    return directory
  }

  static func write(_ text: String, to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(description: "\(path): errno \(errno)") }
    defer { close(file) }
    _ = text.withCString { Glibc.write(file, $0, strlen($0)) }
    if let owner = Program.serverUser { fchown(file, owner.id, owner.group) }
  }

  /// A watcher in a session of its own reads a pipe that only this process can write: it ends with
  /// the process, whatever ends it, and then the watcher stops the server and removes the directory.
  ///
  /// - Returns: that pipe's end of this process.
  private static func removeAtExit(_ directory: String, programs: String) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let stop = "\(programs)/pg_ctl -D \(directory)/data -m immediate -w -t 10 stop"
    let asOwner = Program.serverUser == nil ? stop : "runuser -u postgres -- \(stop)"
    try Program.spawn(
      ["/bin/sh", "-c", "trap '' INT TERM HUP; read -r line; \(asOwner); rm -rf \(directory)"],
      input: ends[0], output: "/dev/null")
    close(ends[0])
    return ends[1]
  }
}

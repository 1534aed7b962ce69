import Foundation

/// The shop's own PostgreSQL: made, started and stopped here; never one that ran before.
struct PrivatePostgres: Sendable {
  let programs: PostgresPrograms
  let dataPath: String
  let logPath: String
  let port: Int
  /// The superuser's password.
  let password: String
  /// initdb refuses to run as root: then everything is done as user postgres.
  let user: String?
  private let connectionsMax: Int

  /// - Parameters:
  ///   - folder: holds the data directory and the server's log.
  ///   - services: instances that will connect, for each of which it has room.
  init(
    programs: PostgresPrograms, folder: String, port: Int, password: String,
    services: Int = ServiceEntry.all.count
  ) {
    self.programs = programs
    dataPath = folder + "/data"
    logPath = folder + "/postgres.log"
    self.port = port
    self.password = password
    user = getuid() == 0 ? "postgres" : nil
    // Ten connections of each event loop, and some for people and tools.
    connectionsMax = services * 10 * max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))) + 60
  }

  /// The one that a plan was made for.
  init(_ plan: Plan) async throws {
    let admin = try DatabaseURL(plan.adminURL, setting: "plan.json")
    self.init(
      programs: try await .find(), folder: plan.databasePath, port: admin.port,
      password: admin.password, services: plan.services.count)
  }

  var adminURL: DatabaseURL {
    DatabaseURL(
      user: Self.superuser, password: password, host: "127.0.0.1", port: port,
      database: DatabaseURL.standardDatabase)
  }

  static let superuser = "shop"

  /// Whether a cluster has been made in the data directory.
  var exists: Bool { FileManager.default.fileExists(atPath: dataPath + "/PG_VERSION") }

  /// Makes the cluster if there is none: UTF-8, C.UTF-8 whatever this machine's locale is, passwords
  /// as SCRAM.
  /// - Throws: `Trouble` when the folder was made by another major version, or initdb refuses.
  func create() async throws {
    if exists {
      try requireSameMajor()
      return
    }
    let folder = (dataPath as NSString).deletingLastPathComponent
    let passwordFile = folder + "/password"
    do {
      try StateDirectory.makeFolder(folder, mode: 0o700)
      try PrivateFile.write(Data(password.utf8), to: passwordFile)
      if let user, let entry = getpwnam(user) {
        chown(folder, entry.pointee.pw_uid, entry.pointee.pw_gid)
        chown(passwordFile, entry.pointee.pw_uid, entry.pointee.pw_gid)
      }
    } catch let error as NSError {
      throw Trouble(
        "the database's folder cannot be made: \(folder)", evidence: [error.localizedDescription])
    }
    defer { unlink(passwordFile) }
    // Made under another name: one that was cut off halfway is not taken for a cluster later.
    let draft = dataPath + ".new"
    if FileManager.default.fileExists(atPath: draft) {
      try FileManager.default.removeItem(atPath: draft)
    }
    let made = try await ShortCommand.run(
      programs.path("initdb"),
      [
        "-D", draft, "-U", Self.superuser, "--encoding=UTF8", "--locale=C.UTF-8",
        "--auth=scram-sha-256", "--pwfile=\(passwordFile)",
      ], as: user)
    guard made.isSuccess else {
      throw Trouble(
        "PostgreSQL could not make its data directory \(dataPath).", evidence: made.lastLines(4),
        next: ["Choose another place: ./shop up --data-dir /some/folder"])
    }
    try FileManager.default.moveItem(atPath: draft, toPath: dataPath)
  }

  private func requireSameMajor() throws {
    let text = FileManager.default.contents(atPath: dataPath + "/PG_VERSION") ?? Data()
    let made = String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard made != String(programs.major) else { return }
    throw Trouble(
      "the data directory was made by PostgreSQL \(made), and this is PostgreSQL \(programs.major).",
      evidence: [dataPath, "programs: \(programs.folder)"],
      next: [
        "Keep the data: start version \(made) on it, then"
          + " pg_dumpall > shop.sql, and load that into a new one",
        "  /usr/lib/postgresql/\(made)/bin/pg_ctl -D \(dataPath) -o '-p \(port)' start",
        "Or start with a fresh one: ./shop up --data-dir /some/folder",
        "Or forget the data: ./shop down --data",
      ])
  }

  /// Starts it unless it runs, and makes sure that what answers is this cluster.
  func start() async throws {
    // Not `pg_ctl status`: it takes a killed server that nobody has reaped yet for a living one.
    if !hasProcess {
      var started = try await startOnce()
      // A server killed a moment ago can leave "lock file already exists" until it is reaped.
      let deadline = ContinuousClock.now + .seconds(5)
      while !started.isSuccess, lastWords().contains(where: { $0.contains("lock file") }),
        ContinuousClock.now < deadline, !Task.isCancelled
      {
        await pause(.milliseconds(500))
        started = try await startOnce()
      }
      guard started.isSuccess else {
        throw Trouble(
          "PostgreSQL did not start on port \(port).",
          evidence: lastWords().isEmpty ? started.lastLines(3) : lastWords(),
          next: ["All of it: \(logPath)"])
      }
    }
    try await requireIdentity()
  }

  private func startOnce() async throws -> ShortCommand.Outcome {
    // No socket: the default folder is not writable for everyone, and a long path does not fit.
    let options =
      "-c listen_addresses=127.0.0.1 -c port=\(port) -c unix_socket_directories='' "
      + "-c max_connections=\(connectionsMax)"
    return try await ShortCommand.run(
      programs.path("pg_ctl"),
      ["-D", dataPath, "-w", "-t", "30", "-l", logPath, "-o", options, "start"],
      as: user)
  }

  /// Whether the process that the data directory's lock file names is there; without a command.
  var hasProcess: Bool { process != nil }

  /// The server's first process, as its data directory's lock file names it.
  var process: ProcessIdentity? {
    guard let data = FileManager.default.contents(atPath: dataPath + "/postmaster.pid"),
      let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first,
      let pid = Int32(line)
    else { return nil }
    return ProcessIdentity(pid: pid)
  }

  /// Ends it in order; sessions that are still open are cut.
  func stop() async throws {
    guard exists, hasProcess else { return }
    let stopped = try await ShortCommand.run(
      programs.path("pg_ctl"), ["-D", dataPath, "-w", "-t", "30", "-m", "fast", "stop"], as: user)
    guard stopped.isSuccess else {
      throw Trouble(
        "PostgreSQL did not stop.", evidence: stopped.lastLines(3), next: ["All of it: \(logPath)"])
    }
  }

  /// The server that answers must be the one with our data directory.
  private func requireIdentity() async throws {
    let answer =
      try await AdminSession(url: adminURL).value(
        "SELECT current_setting('data_directory')", database: "postgres") ?? ""
    let ours = URL(fileURLWithPath: dataPath).resolvingSymlinksInPath().path
    guard URL(fileURLWithPath: answer).resolvingSymlinksInPath().path == ours else {
      throw Trouble(
        "another PostgreSQL answers on port \(port).",
        evidence: ["its data directory is \(answer), ours is \(dataPath)"],
        next: ["Choose another port: ./shop up --port postgres=\(port + 1000)"])
    }
  }

  /// The last FATAL and HINT lines of the log.
  private func lastWords() -> [String] {
    let text =
      FileManager.default.contents(atPath: logPath).map {
        String(decoding: $0.suffix(8192), as: UTF8.self)
      } ?? ""
    let telling = text.split(separator: "\n").filter { line in
      ["FATAL:", "HINT:", "PANIC:", "could not"].contains { line.contains($0) }
    }
    return telling.suffix(3).map(String.init)
  }
}

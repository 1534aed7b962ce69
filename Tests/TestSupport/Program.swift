import Glibc

/// Programs that tests start: found, run as the right user, and their output kept in a file.
enum Program {
  typealias Failure = PrivatePostgres.Failure

  /// The user that PostgreSQL's programs run as, where this process is root, which they refuse.
  static let serverUser: (id: uid_t, group: gid_t)? = {
    guard getuid() == 0, let entry = getpwnam("postgres") else { return nil }
    return (entry.pointee.pw_uid, entry.pointee.pw_gid)
  }()

  /// POSIX_SPAWN_SETSID, which Swift's Glibc does not show.
  private static let posixSpawnSetsid: Int16 = 0x80

  /// The folder that `SHOP_TEST_POSTGRES` names (`./shop test postgres` sets it), else that of the newest
  /// of the installed versions. Debian keeps them off the PATH.
  static func postgresDirectory() throws -> String {
    if let chosen = getenv("SHOP_TEST_POSTGRES") { return String(cString: chosen) }
    let root = "/usr/lib/postgresql"
    let versions = numbers(in: root).filter { access("\(root)/\($0)/bin/initdb", X_OK) == 0 }
    guard let newest = versions.max(), newest >= 13 else {
      throw Failure(
        description: "PostgreSQL 13 or later is needed: apt-get install postgresql-15")
    }
    return "\(root)/\(newest)/bin"
  }

  /// Runs a program of PostgreSQL's to its end. Blocks.
  ///
  /// - Parameters:
  ///   - output: the file that takes what it prints.
  ///   - log: the file that tells why it failed, if that is another.
  /// - Throws: `Failure` with the last lines of `log` unless it exits with 0.
  static func run(_ command: [String], output: String, log: String? = nil) throws {
    let asUser = serverUser == nil ? [] : ["runuser", "-u", "postgres", "--"]
    let child = try spawn(asUser + command, input: nil, output: output)
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw Failure(description: "\(command[0]) failed (\(status)): \(tail(of: log ?? output))")
    }
  }

  /// Starts a program in a session of its own, in the directory `/`. It gets no descriptor but the three
  /// standard ones: with a pipe's end in its hands, what waits for that end would wait for the program.
  @discardableResult
  static func spawn(_ command: [String], input: Int32?, output: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o666)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    for descriptor in numbers(in: "/proc/self/fd") where descriptor > 2 {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, posixSpawnSetsid)
    let inRoot = ["env", "-C", "/"] + command
    var arguments: [UnsafeMutablePointer<CChar>?] = inRoot.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let result = posix_spawnp(&child, inRoot[0], &actions, &attributes, &arguments, environ)
    guard result == 0 else { throw Failure(description: "\(command[0]): errno \(result)") }
    return child
  }

  /// The entries of a directory whose names are numbers; none if it cannot be read.
  private static func numbers(in path: String) -> [Int32] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var numbers: [Int32] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let number = Int32(name) { numbers.append(number) }
    }
    return numbers
  }

  static func isOnPath(_ name: String) -> Bool {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
  }

  static func tail(of path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "no log" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    lseek(file, max(0, lseek(file, 0, SEEK_END) - 4096), SEEK_SET)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

import Foundation

/// Where one running copy of the shop keeps its data, keys, logs and pid files.
///
/// One per checkout path and per `--ports-from`, so that two checkouts, or two copies of one, never
/// share. Root's copy lives under /var/lib/shop: the database then runs as user postgres, who may not
/// enter root's home.
struct StateDirectory: Sendable {
  let path: String
  /// PostgreSQL's data directory; `--data-dir` puts it elsewhere.
  let databasePath: String

  var runPath: String { path + "/run" }
  var logsPath: String { path + "/logs" }
  var keysPath: String { path + "/keys" }
  var passwordsPath: String { path + "/secrets/database.json" }
  /// For libpq: PGPASSFILE.
  var passwordFilePath: String { path + "/secrets/pgpass" }
  var lockPath: String { path + "/lock" }
  var planPath: String { runPath + "/plan.json" }
  var supervisorPath: String { runPath + "/supervisor.json" }

  func recordPath(_ process: String) -> String { "\(runPath)/\(process).process.json" }
  func logPath(_ process: String) -> String { "\(logsPath)/\(process).log" }

  /// - Parameters:
  ///   - checkout: the absolute path of the checkout.
  ///   - environment: of the tool; `XDG_STATE_HOME` and `HOME` are read.
  ///   - isRoot: whether the tool runs as root.
  init(
    checkout: String, portsFrom: Int?, dataDirectory: String?,
    environment: [String: String], isRoot: Bool
  ) {
    let base =
      isRoot
      ? "/var/lib/shop"
      : (environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        ?? (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state") + "/shop"
    let label = checkout.split(separator: "/").last.map(String.init) ?? "shop"
    let key = "\(label)-\(Self.fingerprint(checkout))" + (portsFrom.map { "-\($0)" } ?? "")
    path = "\(base)/\(key)"
    databasePath = dataDirectory.map(Self.absolute) ?? path + "/postgres"
  }

  /// A state directory that already exists, as the supervisor is told it.
  init(existing path: String) {
    self.path = path
    databasePath = path + "/postgres"
  }

  /// The short, stable name of this copy; part of Consul's node name.
  var name: String { path.split(separator: "/").last.map(String.init) ?? "shop" }

  /// FNV-1a, 32 bits: tells checkouts apart, protects nothing.
  private static func fingerprint(_ text: String) -> String {
    let hash = text.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// Makes the folders; secrets and pid files are for the owner alone.
  /// - Throws: `Trouble` when they cannot be made or written.
  func create() throws {
    do {
      // Root's folder must let user postgres through to its cluster, and no further.
      try Self.makeFolder(path, mode: 0o711)
      try Self.makeFolder(runPath, mode: 0o700)
      try Self.makeFolder(logsPath, mode: 0o700)
      try Self.makeFolder(keysPath, mode: 0o700)
      try Self.makeFolder(path + "/secrets", mode: 0o700)
    } catch {
      throw Trouble(
        "the folder for the shop's state cannot be written: \(path)",
        evidence: [(error as NSError).localizedDescription],
        next: ["Make it writable, or choose another: XDG_STATE_HOME=/some/folder ./shop up"])
    }
    let free = freeMebibytes()
    guard free >= 300 else {
      throw Trouble(
        "only \(free) MiB are free where the shop keeps its data; it needs 300.",
        evidence: [path], next: ["Free some space, then run ./shop up again."])
    }
  }

  static func makeFolder(_ path: String, mode: Int) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  private func freeMebibytes() -> Int {
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return Int.max }
    return Int(facts.f_bavail) * Int(facts.f_frsize) / (1024 * 1024)
  }
}

import Foundation

/// What a supervisor keeps running; written by `up` and read by the supervisor it starts.
struct Plan: Codable, Sendable {
  /// One program and all that it needs to start.
  struct Program: Codable, Sendable {
    /// An instance's, or "consul".
    let name: String
    let path: String
    let arguments: [String]
    /// Added to the supervisor's own environment, which is that of the `up` that started it.
    let environment: [String: String]
    let port: Int
  }

  /// Started first, and up before the services register with it; nil with `DISCOVERY=static`.
  let agent: Program?
  let services: [Program]
  let ports: Ports
  /// The node name that only our own agent has.
  let nodeName: String
  /// The address of the database for people, without a password; and where psql finds it with one.
  let databaseAddress: String
  let adminURL: String
  /// False when the database is somebody else's (DATABASE_URL).
  let ownsDatabase: Bool
  let databasePath: String
  /// The `--ports-from` that was given, for the commands that are printed.
  let portsFrom: Int?

  static func read(_ state: StateDirectory) -> Plan? {
    PrivateFile.read(Plan.self, from: state.planPath)
  }
}

/// What the supervisor says of one of its programs, after every change.
struct ProcessRecord: Codable, Sendable {
  enum State: String, Codable, Sendable {
    /// The process is there; whether it is ready, only asking it tells.
    case running
    /// It ended and is started again at `nextStartAt`.
    case waiting
    case stopped
  }

  let name: String
  let port: Int
  var state: State
  var process: ProcessIdentity?
  /// What `/info` must answer: new at every start.
  var instance: String?
  var startedAt: Date
  /// Starts after the first one.
  var restarts: Int
  /// Ends that nobody asked for since the program last stayed up.
  var failures: Int
  /// How the last run ended: "signal 9 after 12.3 s".
  var lastEnd: String?
  var nextStartAt: Date?
}

/// Who the supervisor is.
struct SupervisorRecord: Codable, Sendable {
  let process: ProcessIdentity
  let startedAt: Date

  /// The supervisor that is alive now.
  static func living(_ state: StateDirectory) -> SupervisorRecord? {
    guard let record = PrivateFile.read(SupervisorRecord.self, from: state.supervisorPath),
      record.process.isAlive
    else { return nil }
    return record
  }
}

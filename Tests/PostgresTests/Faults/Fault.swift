import Testing

/// What can happen to a database while it is used.
enum Fault: CaseIterable, CustomTestStringConvertible {
  case processKilled
  case sessionsTerminated
  case fastRestart
  case immediateRestart
  case connectionsReset
  case answersTruncated
  case requestsTruncated
  case slowNetwork
  case silentNetwork
  case deadConnections
  case lostAnswers
  case tooManyConnections
  case serverFull
  case failover
  case switchover
  case switchoverOfAnyHosts
  case misdirected
  case bouncer
  case bouncerKilled

  var testDescription: String {
    switch self {
    case .processKilled: "a server process killed with SIGKILL; the server recovers"
    case .sessionsTerminated: "all sessions ended by `pg_terminate_backend`"
    case .fastRestart: "server restarted, `-m fast`"
    case .immediateRestart: "server restarted, `-m immediate`"
    case .connectionsReset: "network: all connections reset"
    case .answersTruncated: "network: all connections cut within an answer"
    case .requestsTruncated: "network: all connections cut within a request"
    case .slowNetwork: "network: half a second passes with 20 ms more each way"
    case .silentNetwork: "network: silent for 3 s, then as before"
    case .deadConnections: "network: all connections silent for ever, new ones are well"
    case .lostAnswers: "network: all connections lose their answers for ever, new ones are well"
    case .tooManyConnections: "sessions ended, and the server refuses all but two for 1 s"
    case .serverFull: "sessions ended, and others take all of `max_connections` for 1 s"
    case .failover: "primary killed, standby promoted"
    case .switchover: "primary made a standby; the other promoted after 1 s in which none writes"
    case .switchoverOfAnyHosts: "the same, without `target_session_attrs=read-write`"
    case .misdirected: "the address leads to a standby for 1 s; connections made then stay there"
    case .bouncer: "PgBouncer: all its server connections ended"
    case .bouncerKilled: "PgBouncer killed, and started again"
    }
  }

  var needsPgBouncer: Bool { self == .bouncer || self == .bouncerKilled }

  /// Whether it leaves every call as it would be without it.
  var isHarmless: Bool { self == .slowNetwork }
}

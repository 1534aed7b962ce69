import Glibc
import Postgres
import TestSupport
import Testing

/// A server with what a fault needs around it.
struct FaultScene {
  /// Where the callers go.
  var url: String
  /// The server that has in the end what was committed.
  var truth: String
  var preparedStatements = true
  /// Does the fault, and returns when it is over.
  var inject: () async throws -> Void
  /// Puts away what was made.
  var end: () -> Void = {}

  static func make(for fault: Fault) async throws -> FaultScene {
    switch fault {
    case .processKilled, .fastRestart, .immediateRestart: try await crashing(fault)
    case .sessionsTerminated: try await terminated()
    case .connectionsReset, .answersTruncated, .requestsTruncated, .slowNetwork, .silentNetwork,
      .deadConnections, .lostAnswers:
      try await network(fault)
    case .tooManyConnections: try await crowded()
    case .serverFull: try await full()
    case .failover, .switchover, .switchoverOfAnyHosts: try await pair(fault)
    case .misdirected: try await misdirected()
    case .bouncer, .bouncerKilled: try await bouncer(isKilled: fault == .bouncerKilled)
    }
  }

  /// A server that keeps what it has said to have committed when its processes are killed.
  private static func durableServer() async throws -> PrivatePostgres {
    try await .separate(settings: ["synchronous_commit=on"])
  }

  // MARK: The server

  private static func crashing(_ fault: Fault) async throws -> FaultScene {
    let server = try await durableServer()
    let url = try await server.makeDatabase(named: "fault")
    return FaultScene(
      url: url, truth: url,
      inject: {
        switch fault {
        case .fastRestart: try await server.restart(.fast)
        case .immediateRestart: try await server.restart(.immediate)
        default:
          // On a busy machine there are moments in which none of the callers is at work.
          var victim: Int?
          try await withDatabase(url: url) { database in
            let patience = ContinuousClock.now + .seconds(30)
            while victim == nil, .now < patience {
              victim = try await database.value(
                """
                SELECT pid FROM pg_stat_activity WHERE state = 'active'
                  AND query LIKE 'INSERT INTO ledger%' AND pid <> pg_backend_pid() LIMIT 1
                """)
            }
          }
          #expect(kill(pid_t(try #require(victim)), SIGKILL) == 0)
        }
      }, end: { server.remove() })
  }

  private static func terminated() async throws -> FaultScene {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "fault")
    return FaultScene(url: url, truth: url, inject: { try await endSessions(at: url) })
  }

  /// Ends all sessions in the database of `url` but the one that does it.
  private static func endSessions(at url: String) async throws {
    try await withDatabase(url: url) { database in
      let ended: Int? = try await database.value(
        """
        WITH ended AS (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE pid <> pg_backend_pid() AND datname = current_database())
        SELECT count(*) FROM ended
        """)
      #expect(try #require(ended) > 0)
    }
  }

  private static func crowded() async throws -> FaultScene {
    let server = try await PrivatePostgres.shared()
    let truth = try await server.makeDatabase(named: "fault")
    let role = try await server.makeRole(in: truth)
    return FaultScene(
      url: role.url, truth: truth,
      inject: {
        func limit(to count: StaticString) async throws {
          try await withDatabase(url: truth) { database in
            _ = try await database.execute(
              "ALTER ROLE \(identifier: role.name) CONNECTION LIMIT \(raw: count)")
          }
        }
        try await limit(to: "2")
        try await endSessions(at: truth)
        try await Task.sleep(for: .seconds(1))
        try await limit(to: "-1")
      })
  }

  private static func full() async throws -> FaultScene {
    let server = try await PrivatePostgres.separate(settings: ["max_connections=30"])
    let truth = try await server.makeDatabase(named: "fault")
    let url = try await server.makeRole(in: truth).url
    return FaultScene(
      url: url, truth: truth,
      inject: {
        var occupation = try await Occupation(of: truth, by: url)
        try occupation.begin()
        try await Task.sleep(for: .seconds(1))
        occupation.end()
      }, end: { server.remove() })
  }

  /// A primary and its standby, listed as the callers' hosts in this order.
  private static func pair(_ fault: Fault) async throws -> FaultScene {
    let primary = try await durableServer()
    let first = try await primary.makeDatabase(named: "fault")
    let standby = try await primary.standby()
    let name = first.split(separator: "/").last ?? ""
    let hosts =
      "host=127.0.0.1,127.0.0.1 port=\(primary.port),\(standby.port) "
      + "user=shop password=\(standby.password) dbname=\(name)"
    return FaultScene(
      url: hosts + (fault == .switchoverOfAnyHosts ? "" : " target_session_attrs=read-write"),
      truth: standby.adminURL.replacing("/postgres", with: "/\(name)"),
      inject: {
        if fault == .failover {
          try await primary.kill()
        } else {
          try await primary.demote(following: standby)
          try await Task.sleep(for: .seconds(1))
        }
        try await standby.promote()
      },
      end: {
        primary.remove()
        standby.remove()
      })
  }

  // MARK: The way there

  private static func network(_ fault: Fault) async throws -> FaultScene {
    let server = try await PrivatePostgres.shared()
    let truth = try await server.makeDatabase(named: "fault")
    let proxy = try FaultProxy(to: server.port)
    return FaultScene(
      url: truth.replacing(":\(server.port)/", with: ":\(proxy.port)/"), truth: truth,
      inject: {
        switch fault {
        case .connectionsReset: proxy.reset()
        // Within the next answer or request: none is as short.
        case .answersTruncated: proxy.truncate(.toClient, afterBytes: 7)
        case .requestsTruncated: proxy.truncate(.toServer, afterBytes: 7)
        case .slowNetwork:
          proxy.delay(by: .milliseconds(20))
          try await Task.sleep(for: .milliseconds(500))
          proxy.pass()
        case .silentNetwork:
          proxy.silence([.toServer, .toClient], newOnes: true)
          try await Task.sleep(for: .seconds(3))
          proxy.pass()
        case .deadConnections: proxy.silence([.toServer, .toClient], newOnes: false)
        case .lostAnswers: proxy.silence([.toClient], newOnes: false)
        default: Issue.record("\(fault) is not the network's")
        }
      }, end: { proxy.close() })
  }

  private static func misdirected() async throws -> FaultScene {
    let primary = try await durableServer()
    let truth = try await primary.makeDatabase(named: "fault")
    let standby = try await primary.standby()
    let proxy = try FaultProxy(to: primary.port)
    return FaultScene(
      url: truth.replacing(":\(primary.port)/", with: ":\(proxy.port)/"), truth: truth,
      inject: {
        proxy.lead(to: standby.port)
        proxy.reset()
        try await Task.sleep(for: .seconds(1))
        proxy.lead(to: primary.port)
      },
      end: {
        proxy.close()
        primary.remove()
        standby.remove()
      })
  }

  private static func bouncer(isKilled: Bool) async throws -> FaultScene {
    let server = try await PrivatePostgres.shared()
    let truth = try await server.makeDatabase(named: "fault")
    let bouncer = try await PrivatePgBouncer.start(before: server, serverConnectionsMax: 6)
    return FaultScene(
      url: bouncer.url(truth), truth: truth, preparedStatements: false,
      inject: {
        guard isKilled else { return try await endSessions(at: truth) }
        try await bouncer.kill()
        try await bouncer.startAgain()
      }, end: { withExtendedLifetime(bouncer) {} })
  }
}

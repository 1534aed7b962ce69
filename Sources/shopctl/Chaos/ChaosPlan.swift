/// Something that is done to a running shop.
enum Blow: Sendable, Equatable {
  /// SIGKILL; started again after `down`, or before by the supervisor.
  case kill(String, down: Duration)
  /// SIGSTOP, and SIGCONT after this time.
  case freeze(String, Duration)
  /// SIGKILL to PostgreSQL's first process: the others end, and it recovers from its log.
  case killDatabase
  /// PostgreSQL ends in order, all sessions cut, and is started again.
  case restartDatabase
  /// SIGKILL to the Consul agent, which forgets all it knew.
  case killConsul
  /// Something that goes wrong at a named point of a service, `times` times.
  case fault(String, point: String, action: String, times: Int)

  /// Its kind, as it is counted.
  var kind: String {
    switch self {
    case .kill(let service, _): "kill -9 \(service)"
    case .freeze(let service, _): "stop \(service)"
    case .killDatabase: "kill -9 postgres"
    case .restartDatabase: "restart postgres"
    case .killConsul: "kill -9 consul"
    case .fault(let service, _, let action, _):
      "\(action.prefix { $0 != " " }) at a point of \(service)"
    }
  }
}

extension Blow: CustomStringConvertible {
  var description: String {
    switch self {
    case .kill(_, let time): "\(kind), down for \(Int(time / .milliseconds(1))) ms"
    case .freeze(_, let time): "\(kind) for \(Int(time / .milliseconds(1))) ms"
    case .killDatabase, .restartDatabase, .killConsul: kind
    case .fault(let service, let point, let action, let times):
      "\(action) at \(point) of \(service), \(times) times"
    }
  }
}

/// What is done when, drawn from a seed: the same seed is the same plan. (What the shop is doing at that
/// moment is not repeated: the machine decides that.)
struct ChaosPlan: Sendable {
  struct Step: Sendable, Equatable {
    /// From the start of the run.
    let at: Duration
    let blow: Blow
  }

  let seed: UInt64
  let duration: Duration
  /// SIGKILLs of PostgreSQL, spread evenly over the run; without them it draws some restarts.
  var databaseKills = 0

  /// Between two blows.
  static let pauseMilliseconds = 500...3_500
  static let downMilliseconds = 100...3_000
  static let shortFreezeMilliseconds = 100...3_000
  /// Longer than a saga's lease (15 s): who wakes up finds that it has a successor.
  static let longFreezeMilliseconds = 16_000...20_000

  /// How often a fault that does not kill goes wrong in a row.
  static let timesAtOnce = 1...8

  /// The network, the provider and COMMIT, each before and after the effect.
  static let faults: [(service: String, point: String, action: String)] = [
    ("order", "client.product.before", "drop"), ("order", "client.product.after", "drop"),
    ("order", "client.payment.before", "status 503"), ("order", "client.payment.after", "drop"),
    ("order", "client.payment.after", "delay 3000"), ("order", "http.response", "truncate"),
    ("order", "tx.before_commit", "drop"), ("order", "tx.after_commit", "drop"),
    ("order", "saga.S1.after", "kill"), ("order", "saga.S2.before", "kill"),
    ("order", "saga.S2.after", "kill"), ("order", "saga.S3.after", "kill"),
    ("order", "saga.S4.after", "kill"), ("order", "saga.T1.after", "kill"),
    ("order", "saga.C2.after", "kill"), ("order", "saga.C1.after", "kill"),
    ("order", "saga.F2.after", "kill"), ("order", "saga.T2.before", "kill"),
    ("order", "saga.R1.after", "kill"), ("order", "saga.R2.after", "kill"),
    ("order", "saga.T3.before", "kill"),
    ("order", "tx.after_commit", "kill"), ("payment", "provider.before", "drop"),
    ("payment", "provider.after", "drop"), ("payment", "provider.after", "kill"),
    ("payment", "provider.before", "delay 2000"), ("payment", "tx.before_commit", "kill"),
    ("payment", "tx.after_commit", "drop"), ("payment", "http.response", "drop"),
    ("payment", "http.request", "status 500"), ("product", "tx.before_commit", "kill"),
    ("product", "tx.after_commit", "drop"), ("product", "http.response", "truncate"),
    ("product", "http.request", "status 503"), ("notification", "tx.before_commit", "kill"),
    ("notification", "tx.after_commit", "drop"), ("notification", "client.order.after", "drop"),
  ]

  /// In the order of time.
  var steps: [Step] {
    var random = SeededRandom(seed: seed)
    var steps: [Step] = []
    var at = Duration.zero
    while true {
      at += .milliseconds(Int.random(in: Self.pauseMilliseconds, using: &random))
      guard at < duration else { break }
      steps.append(Step(at: at, blow: Self.blow(&random)))
    }
    for number in 0..<databaseKills {
      let share = duration * (2 * number + 1) / (2 * databaseKills)
      steps.append(Step(at: share, blow: .killDatabase))
    }
    return steps.sorted { $0.at < $1.at }
  }

  private static func blow(_ random: inout SeededRandom) -> Blow {
    func milliseconds(_ range: ClosedRange<Int>) -> Duration {
      .milliseconds(Int.random(in: range, using: &random))
    }
    enum Kind { case kill, freezeShort, freezeLong, consul, database, fault }
    let kind = random.pick([
      (Kind.kill, weight: 40), (.freezeShort, weight: 15), (.freezeLong, weight: 6),
      (.consul, weight: 6), (.database, weight: 3), (.fault, weight: 30),
    ])
    // What the money and the goods go through is hit more often than what only tells of it.
    let service = random.pick([
      ("order", weight: 35), ("payment", weight: 30), ("product", weight: 20),
      ("notification", weight: 10), ("user", weight: 5),
    ])
    switch kind {
    case .kill: return .kill(service, down: milliseconds(downMilliseconds))
    case .freezeShort: return .freeze(service, milliseconds(shortFreezeMilliseconds))
    case .freezeLong: return .freeze(service, milliseconds(longFreezeMilliseconds))
    case .consul: return .killConsul
    case .database: return .restartDatabase
    case .fault:
      let fault = faults[Int.random(in: 0..<faults.count, using: &random)]
      return .fault(
        fault.service, point: fault.point, action: fault.action,
        times: fault.action == "kill" ? 1 : Int.random(in: timesAtOnce, using: &random))
    }
  }
}

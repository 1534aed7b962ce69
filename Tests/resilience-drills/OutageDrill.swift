import EventLoops

/// All instances of a peer fail for half a minute, and each hangs once for every caller as they heal: how
/// much more the retries ask of them meanwhile, and how soon each caller is served again.
struct OutageDrill: Drill {
  static let name = "outage"
  private static let service = "drill-outage"
  private static let perSecond = 200
  private static let outage: Duration = .seconds(30)
  /// Nobody waits longer than this for the recovery, whose bound is less.
  private static let recoveryWait: Duration = .seconds(30)
  private static let recoveryMax: Duration = .seconds(15)
  /// Of `RetrySettings.http`: retries by the share of calls, and those that anybody has.
  private static let share = 1.25
  private static let reservePerCaller = 30

  func run(on ground: Ground) async throws -> [Finding] {
    let peers = try await ground.peers(3)
    for peer in peers { try await ground.agent.register(Self.service, port: peer.port) }
    // As many callers as rounds, each with a breaker of its own; together they call at the rate.
    let callers = try (0..<ground.rounds).map { _ in try ground.caller() }
    let loads = callers.enumerated().map { number, caller in
      Load(perSecond: max(1, Self.perSecond / ground.rounds), on: ground.loop) { _ in
        await caller.failure(of: Self.service, "/work?client=\(number)")
      }
    }
    var attempts = 0
    var healed = MonotonicTime.now()
    var began = healed
    try await ground.all(callers[...], loads[...], watching: Self.service) {
      try await ground.loop.sleep(for: .seconds(2))
      for peer in peers { try await peer.set(.failing) }
      began = .now()
      try await ground.loop.sleep(for: Self.outage)
      for peer in peers { attempts += try await peer.tally().begun }
      for peer in peers { try await peer.set(.healing) }
      healed = .now()
      try await ground.loop.sleep(for: Self.recoveryWait)
    }
    for peer in peers { try await ground.agent.deregister(Self.service, port: peer.port) }
    let during = loads.flatMap(\.calls).filter { $0.sent >= began && $0.sent < healed }.count
    let attemptsMax = Int(Double(during) * Self.share) + Self.reservePerCaller * callers.count
    var recovery = Series()
    // Served again means for good: the last failure decides.
    for load in loads {
      let last = load.calls.filter { $0.failure != nil }.map(\.sent).max() ?? healed
      recovery.add(max(.zero, last - healed))
    }
    return [
      finding(
        "attempts in \(Self.outage / .seconds(1)) s of failing, \(during) calls of \(callers.count) callers",
        "\(attempts)", bound: "\(attemptsMax)", attempts <= attemptsMax),
      finding(
        "healed, each caller's first call of each instance hung, then its last failed call",
        recovery.text,
        bound: "\(milliseconds(Self.recoveryMax)) ms", recovery.longest <= Self.recoveryMax),
    ]
  }
}

import CWallClock
import EventLoops
import Foundation
import Resilience

/// The wall clock is corrected by an hour, forwards and backwards, while circuits are open: none may close
/// sooner or later for it. Each caller is in this process, whose readings of the wall clock are stepped.
struct ClockStepDrill: Drill {
  static let name = "clock-step"
  private static let service = "drill-clock"
  private static let perSecond = 20
  private static let hour = 3600
  private static let steps = [0, hour, -hour]
  /// Of `.http`: 5 s, a fifth more or less; and until the next call comes.
  private static let waitMin: Duration = .milliseconds(3990)
  private static let waitMax: Duration = .milliseconds(6200)

  func run(on ground: Ground) async throws -> [Finding] {
    let peer = try await ground.peers(1)[0]
    try await ground.agent.register(Self.service, port: peer.port)
    var findings: [Finding] = []
    for seconds in Self.steps {
      let (waits, moved) = try await waits(of: ground.rounds, stepping: seconds, peer, on: ground)
      let isGood =
        waits.times.count == ground.rounds && waits.shortest >= Self.waitMin
        && waits.longest <= Self.waitMax && abs(moved - Double(seconds)) < 30
      findings.append(
        finding(
          "circuits' wait, the wall clock \(Int(moved.rounded())) s further",
          "least \(milliseconds(waits.shortest)), " + waits.text, bound: "4 to 6.2 s, all", isGood))
    }
    try await ground.agent.deregister(Self.service, port: peer.port)
    return findings
  }

  /// How long the circuits of so many callers stayed open, and by how many seconds the wall clock went
  /// further meanwhile than the monotonic one.
  private func waits(
    of count: Int, stepping seconds: Int, _ peer: PeerProcess, on ground: Ground
  ) async throws -> (Series, Double) {
    try await peer.set(.good)
    let callers = try (0..<count).map { _ in try ground.caller() }
    let loads = callers.map { caller in
      Load(perSecond: Self.perSecond, on: ground.loop) { _ in
        await caller.failure(of: Self.service, "/work")
      }
    }
    var circuits: [Circuit] = []
    for caller in callers { circuits.append(try Circuit(of: caller.breaker(of: Self.service))) }
    defer { wall_clock_step(-seconds) }
    var moved = 0.0
    try await ground.all(callers[...], loads[...], watching: Self.service) {
      try await ground.loop.sleep(for: .seconds(1))
      try await peer.set(.failing)
      try await wait(for: "open circuits", atMost: .seconds(10), on: ground.loop) {
        circuits.allSatisfy(\.isOpen)
      }
      let (wall, steady) = (Date().timeIntervalSince1970, MonotonicTime.now())
      wall_clock_step(seconds)
      try await peer.set(.good)
      try await ground.loop.sleep(for: .seconds(10))
      moved =
        Date().timeIntervalSince1970 - wall - (MonotonicTime.now() - steady) / .seconds(1)
    }
    var waits = Series()
    for circuit in circuits {
      if let wait = await circuit.wait() { waits.add(wait) }
    }
    return (waits, moved)
  }
}

/// One caller's circuit breaker, and what it told of its states.
private struct Circuit {
  private let breaker: CircuitBreaker
  private let transitions: AsyncStream<CircuitBreakerEvent>

  init(of breaker: CircuitBreaker) throws {
    self.breaker = breaker
    transitions = breaker.transitions
  }

  var isOpen: Bool { breaker.state == .open }

  /// From its opening to the first call that was let through; nil if none was.
  func wait() async -> Duration? {
    var opened: MonotonicInstant?
    for await event in transitions {
      guard case .stateTransition(_, let state, _, _, _, _) = event.kind else { continue }
      if state == .open { opened = opened ?? event.instant }
      if state == .halfOpen, let opened { return event.instant - opened }
    }
    return nil
  }
}

import Resilience
import Testing

@Suite("circuit breaker against its model")
struct CircuitBreakerModelTests {
  enum Step {
    case acquire(attemptTimeout: Duration?)
    /// Of the outstanding permits, by position; failed nil is ignored.
    case settle(Int, failed: Bool?)
    case drop(Int)
    case advance(Duration)
    case order(CircuitBreaker.ManualState)
    case reset
  }

  /// A permit in a test's hands.
  final class Held {
    var permit: Permit?
    let model: BreakerModel.HeldPermit

    init(_ permit: consuming Permit, _ model: BreakerModel.HeldPermit) {
      self.permit = consume permit
      self.model = model
    }
  }

  struct Failure: Error {}

  static func settings(seed: UInt64) -> CircuitBreakerSettings {
    var random = SeededRNG(seed: seed &* 77)
    var settings: CircuitBreakerSettings = random.pick([.http, .resilience4j])
    settings.openWaitJitter = 0
    settings.window = random.pick([
      .count(1), .count(5), .count(33), .time(bucketWidth: .milliseconds(100), buckets: 1),
      .time(bucketWidth: .seconds(1), buckets: 10),
    ])
    settings.minimumCalls = random.int(1...12)
    settings.failureRateThreshold = random.pick([1, 34, 50, 100])
    settings.slowCallRateThreshold = random.pick([50, 80, 100])
    settings.consecutiveFailuresMax = random.pick([nil, 2, 5])
    settings.slowCall = random.pick([
      .never, .over(.milliseconds(300)),
      .overShareOfAttemptTimeout(percent: 80, otherwise: .seconds(1)),
    ])
    settings.halfOpenPermits = random.int(1...6)
    settings.halfOpenWaitMax = random.pick([nil, .seconds(3), .seconds(10), .seconds(40)])
    settings.leaseMin = random.pick([.milliseconds(500), .seconds(10)])
    settings.decidesEarly = random.chance(50)
    settings.includesEndOfOpenWait = random.chance(50)
    settings.openWait = random.pick([.milliseconds(700), .seconds(5)])
    settings.openWaitMultiplier = random.int(1...3)
    settings.openWaitMax = random.pick([.seconds(5), .seconds(12)])
    return settings
  }

  static func steps(_ random: inout SeededRNG) -> [Step] {
    let failing = random.pick([10, 50, 90])
    return (0..<random.int(1...120)).map { _ in
      switch random.int(0...99) {
      case 0..<40: .acquire(attemptTimeout: random.pick([nil, .milliseconds(500), .seconds(20)]))
      case 40..<75: .settle(random.int(0...20), failed: random.chance(failing))
      case 75..<79: .settle(random.int(0...20), failed: nil)
      case 79..<82: .drop(random.int(0...20))
      case 82..<97:
        .advance(
          random.pick([
            .zero, .nanoseconds(1), .milliseconds(1), .milliseconds(400), .milliseconds(700),
            .seconds(1), .seconds(5), .seconds(10), .seconds(3_600),
          ]))
      case 97..<99: .order(random.pick(CircuitBreaker.ManualState.allCases))
      default: .reset
      }
    }
  }

  /// Runs the steps on both; the first difference.
  static func fault(_ steps: [Step], seed: UInt64, startingAt start: Int64 = 1_000_000_000)
    -> String?
  {
    let settings = settings(seed: seed)
    let clock = ManualClock(startingAt: start)
    guard let config = try? CircuitBreakerConfig(settings) else {
      return "settings were refused: \(settings.faults)"
    }
    let breaker = CircuitBreaker(name: "model", config: config, clock: clock)
    var model = BreakerModel(settings: settings)
    var held: [Held] = []
    for (index, step) in steps.enumerated() {
      // The real clock may start anywhere; the model counts from the same instant.
      let now = clock.now.nanoseconds
      switch step {
      case .acquire(let timeout):
        let expected = model.acquire(
          attemptTimeout: timeout.map { Int64($0 / .nanoseconds(1)) }, at: now)
        do {
          let permit = try breaker.tryAcquirePermit(attemptTimeout: timeout)
          guard let expected else { return "step \(index): permitted, the model refuses" }
          held.append(Held(permit, expected))
        } catch {
          if expected != nil { return "step \(index): refused (\(error)), the model permits" }
          let openFor = model.state == .open ? model.openUntil - now : nil
          if error.retryAfter != openFor.map({ .nanoseconds($0) }) {
            return "step \(index): retry after \(error.retryAfter as Any), not \(openFor as Any)"
          }
        }
      case .settle(let position, let failed):
        guard !held.isEmpty else { continue }
        let one = held.remove(at: position % held.count)
        model.settle(one.model, failed: failed, at: now)
        guard let permit = one.permit.take() else { return "a permit was lost" }
        switch failed {
        case true: permit.fail(Failure())
        case false: permit.succeed()
        case nil: permit.ignore()
        }
      case .drop(let position):
        guard !held.isEmpty else { continue }
        let one = held.remove(at: position % held.count)
        model.settle(one.model, failed: nil, at: now)
        one.permit = nil
      case .advance(let duration): clock.advance(by: duration)
      case .order(let state):
        model.read(at: now)
        _ = breaker.snapshot
        breaker.transition(to: state)
        let target: CircuitBreaker.State =
          switch state {
          case .closed: .closed
          case .disabled: .disabled
          case .metricsOnly: .metricsOnly
          case .forcedOpen: .forcedOpen
          }
        model.force(target, at: now)
      case .reset:
        breaker.reset()
        model.reset(at: now)
      }
      if let difference = difference(breaker, &model, at: clock.now.nanoseconds) {
        return "after step \(index) (\(step)): \(difference)"
      }
    }
    held.removeAll()
    let left = breaker.snapshot.totals.permitsOutstanding
    return left == 0 ? nil : "\(left) permits outstanding after all were dropped"
  }

  static func difference(
    _ breaker: CircuitBreaker, _ model: inout BreakerModel, at now: Int64
  ) -> String? {
    let metrics = breaker.snapshot
    model.read(at: now)
    func compare<Value: Equatable>(_ name: String, _ real: Value, _ expected: Value) -> String? {
      real == expected ? nil : "\(name) is \(real), the model has \(expected)"
    }
    let window = model.window(at: now).map { (failed: $0.failed, slow: $0.slow) }
    let results = model.state == .halfOpen ? model.trialResults : window
    return compare("state", metrics.state, model.state)
      ?? compare("epoch", Int(metrics.epoch), model.epoch)
      ?? compare("recorded", metrics.recorded, results.count)
      ?? compare("failed", metrics.failed, results.filter(\.failed).count)
      ?? compare("slow", metrics.slow, results.filter(\.slow).count)
      ?? compare("stale", metrics.totals.stale, model.stale)
      ?? compare("outstanding", metrics.totals.permitsOutstanding, model.outstanding)
      ?? compare("issued", metrics.totals.permitsIssued, model.permitsMade)
  }

  @Test("any sequence of calls, results, steps of time and orders matches the model")
  func matchesModel() {
    expectNoFault(cases: 400, generate: Self.steps) { Self.fault($0, seed: $1) }
  }

  @Test("adding a constant to all instants changes nothing")
  func isShiftInvariant() {
    // Whole multiples of the longest window, so that bucket edges stay where they are.
    expectNoFault(cases: 100, generate: Self.steps) {
      Self.fault($0, seed: $1, startingAt: 1_000_000_000 + 86_400_000_000_000 * 365 * 200)
    }
  }
}

@testable import Resilience

/// The circuit breaker as naively as its rules read: lists, filters, no ring, no bit, no shortcut.
struct BreakerModel {
  struct Result {
    let instant: Int64
    let failed: Bool
    let slow: Bool
  }

  struct TrialPermit {
    enum State: Equatable { case out, back, done(failed: Bool, slow: Bool) }

    let number: Int
    let leaseEnd: Int64
    var state = State.out
  }

  struct HeldPermit {
    let number: Int
    let epoch: Int
    let acquired: Int64
    let slowLimit: Int64
  }

  let settings: CircuitBreakerSettings
  var state = CircuitBreaker.State.closed
  var epoch = 0
  var results: [Result] = []
  var trial: [TrialPermit] = []
  var entered: Int64 = 0
  var openUntil: Int64 = 0
  var reopenings = 0
  var permitsMade = 0
  var outstanding = 0
  var stale = 0

  // MARK: - Calls

  mutating func acquire(attemptTimeout: Int64?, at now: Int64) -> HeldPermit? {
    settleOverdue(at: now)
    if state == .open, settings.includesEndOfOpenWait ? now > openUntil : now >= openUntil {
      enter(.halfOpen, at: now)
    }
    switch state {
    case .open, .forcedOpen: return nil
    case .halfOpen where trial.filter({ $0.state != .back }).count >= settings.halfOpenPermits:
      return nil
    default: break
    }
    permitsMade += 1
    outstanding += 1
    if state == .halfOpen {
      let lease = max(nanoseconds(settings.leaseMin), (attemptTimeout ?? 0) * 2)
      trial.append(TrialPermit(number: permitsMade, leaseEnd: now + lease))
    }
    let slowLimit: Int64 =
      switch settings.slowCall {
      case .never: .max
      case .over(let limit): nanoseconds(limit)
      case .overShareOfAttemptTimeout(let percent, let otherwise):
        attemptTimeout.map { $0 / 100 * Int64(percent) } ?? nanoseconds(otherwise)
      }
    return HeldPermit(number: permitsMade, epoch: epoch, acquired: now, slowLimit: slowLimit)
  }

  /// - Parameter failed: nil for ignored.
  mutating func settle(_ permit: HeldPermit, failed: Bool?, at now: Int64) {
    outstanding -= 1
    settleOverdue(at: now)
    guard permit.epoch == epoch else {
      stale += 1
      return
    }
    let slow = now - permit.acquired > permit.slowLimit
    switch state {
    case .closed, .metricsOnly:
      guard let failed else { return }
      results.append(Result(instant: now, failed: failed, slow: slow))
      if state == .closed && isTripped(at: now) { open(at: now) }
    case .halfOpen:
      let index = trial.firstIndex { $0.number == permit.number }!
      guard trial[index].state == .out else {
        stale += 1
        return
      }
      trial[index].state = failed.map { .done(failed: $0, slow: slow) } ?? .back
      judge(at: now)
    case .open, .disabled, .forcedOpen: break
    }
  }

  mutating func force(_ target: CircuitBreaker.State, at now: Int64) {
    if target != state { enter(target, at: now) }
  }

  mutating func reset(at now: Int64) { enter(.closed, at: now) }

  // MARK: - What the window holds

  func window(at now: Int64) -> [Result] {
    switch settings.window {
    case .count(let size): return results.suffix(size)
    case .time(let width, let buckets):
      let width = nanoseconds(width)
      let newest = now / width
      return results.filter { $0.instant / width > newest - Int64(buckets) }
    }
  }

  var trialResults: [(failed: Bool, slow: Bool)] {
    trial.compactMap {
      if case .done(let failed, let slow) = $0.state { (failed, slow) } else { nil }
    }
  }

  private func isTripped(at now: Int64) -> Bool {
    if let most = settings.consecutiveFailuresMax, results.count >= most,
      results.suffix(most).allSatisfy(\.failed)
    {
      return true
    }
    let window = window(at: now)
    var minimum = settings.minimumCalls
    if case .count(let size) = settings.window { minimum = min(minimum, size) }
    return window.count >= minimum
      && reaches(
        window.filter(\.failed).count, window.filter(\.slow).count, of: window.count)
  }

  private func reaches(_ failed: Int, _ slow: Int, of count: Int) -> Bool {
    100 * failed >= settings.failureRateThreshold * count
      || 100 * slow >= settings.slowCallRateThreshold * count
  }

  // MARK: - Half open

  private mutating func judge(at now: Int64) {
    var minimum = settings.minimumCalls
    if case .count(let size) = settings.window { minimum = min(minimum, size) }
    let needed = min(minimum, settings.halfOpenPermits)
    let results = trialResults
    let failed = results.filter(\.failed).count
    let slow = results.filter(\.slow).count
    let missing = needed - results.count
    guard missing <= 0 || settings.decidesEarly else { return }
    // Every way the missing results could turn out.
    var endings: Set<Bool> = []
    for moreFailed in 0...max(0, missing) {
      for moreSlow in 0...max(0, missing) {
        endings.insert(
          reaches(failed + moreFailed, slow + moreSlow, of: max(needed, results.count)))
      }
    }
    guard endings.count == 1, let isReopened = endings.first else { return }
    if isReopened { reopen(at: now) } else { enter(.closed, at: now) }
  }

  private mutating func settleOverdue(at now: Int64) {
    while state == .halfOpen {
      let leases = trial.filter { $0.state == .out }.map(\.leaseEnd)
      let end = settings.halfOpenWaitMax.map { entered + nanoseconds($0) }
      guard let first = (leases + [end].compactMap { $0 }).min(), first <= now else { return }
      if first == end {
        reopen(at: first)
      } else {
        let index = trial.firstIndex { $0.state == .out && $0.leaseEnd == first }!
        trial[index].state = .done(failed: true, slow: true)
        judge(at: first)
      }
    }
  }

  // MARK: - Transitions

  private mutating func reopen(at now: Int64) {
    reopenings += 1
    open(at: now)
  }

  private mutating func open(at now: Int64) {
    enter(.open, at: now)
    var wait = nanoseconds(settings.openWait)
    for _ in 0..<reopenings {
      wait = min(wait * Int64(settings.openWaitMultiplier), nanoseconds(settings.openWaitMax))
    }
    openUntil = now + min(wait, nanoseconds(settings.openWaitMax))
  }

  private mutating func enter(_ target: CircuitBreaker.State, at now: Int64) {
    state = target
    epoch += 1
    if target == .halfOpen {
      trial = []
      entered = now
    } else if target != .open {
      results = []
      reopenings = 0
    }
  }

  private func nanoseconds(_ duration: Duration) -> Int64 { duration.nanosecondsSaturated }

  mutating func read(at now: Int64) { settleOverdue(at: now) }
}

/// The circuit breaker's decisions, apart from clock and lock (resilience-and-discovery.md section 4).
struct CircuitBreakerCore: Sendable {
  typealias State = CircuitBreaker.State

  typealias Admission = CircuitBreaker.Admission

  struct Refusal: Error {
    let state: State
    let retryAfter: Duration?
  }

  enum CallResult: Sendable { case success, failure, ignored }

  private let rules: CircuitBreakerRules
  private let random: RandomSource
  private(set) var state = State.closed
  /// Counts transitions; a result is recorded only in the epoch that admitted its call.
  private(set) var epoch: Int64 = 0
  /// The epoch, while it is one whose calls are all let through.
  var openToAllIn: Int64? {
    switch state {
    case .closed, .disabled, .metricsOnly: epoch
    case .open, .halfOpen, .forcedOpen: nil
    }
  }
  private(set) var totals = CircuitBreaker.Totals()
  private(set) var journal: CircuitBreakerJournal
  private var window: OutcomeWindow
  private var trial: HalfOpenTrial
  private var consecutiveFailures = 0
  private var openedAt: Int64 = 0
  private var openUntil: Int64 = 0
  private var reopenings = 0
  /// Until when the upstream asked to be left alone, by a 503 with Retry-After.
  private var unavailableUntil: Int64 = .min
  /// `metricsOnly` reports reaching a threshold once, until it is below again.
  private var wasExceeded = false

  init(name: String, config: CircuitBreakerConfig, random: RandomSource) {
    rules = CircuitBreakerRules(config)
    self.random = random
    window = OutcomeWindow(config.window)
    trial = HalfOpenTrial(rules)
    journal = CircuitBreakerJournal(name: name)
  }

  // MARK: - Calls

  /// - Parameter attemptTimeout: the call's own in nanoseconds, Int64.max for none.
  mutating func admit(attemptTimeout: Int64, at now: Int64) -> Result<Admission, Refusal> {
    switch state {
    case .closed, .disabled, .metricsOnly:
      return .success(admission(slot: -1, attemptTimeout: attemptTimeout, at: now))
    case .open where isWaiting(at: now):
      return .failure(
        refusal(retryAfter: .nanoseconds(openUntil.saturatingSubtract(now)), at: now))
    case .open: transition(to: .halfOpen, at: now)
    case .halfOpen: expire(at: now)
    case .forcedOpen: return .failure(refusal(retryAfter: nil, at: now))
    }
    // An expiry may have ended the trial either way.
    guard state == .halfOpen else { return admit(attemptTimeout: attemptTimeout, at: now) }
    let lease = now.saturatingAdd(rules.lease(attemptTimeout: attemptTimeout))
    guard let slot = trial.issue(leaseUntil: lease) else {
      return .failure(refusal(retryAfter: nil, at: now))
    }
    return .success(admission(slot: slot, attemptTimeout: attemptTimeout, at: now))
  }

  /// Takes the result of an admitted call.
  ///
  /// - Parameters:
  ///   - unavailableFor: what a 503's Retry-After asked for, nanoseconds.
  mutating func settle(
    _ admission: Admission, _ result: CallResult, unavailableFor: Int64 = 0,
    countsInRow: Bool = true, errorClass: @autoclosure () -> String = "", at now: Int64
  ) {
    let duration = now - admission.acquired
    let slow = duration > admission.slowLimit && result != .ignored
    totals.count(result, slow: slow)
    if !admission.isCounted { totals.permitsIssued += 1 }
    if journal.hearsCalls {
      journal.note(result, duration: duration, slow: slow, errorClass: errorClass(), at: now)
    }
    if state == .halfOpen { expire(at: now) }
    // A result from before the circuit last changed says nothing about the upstream now.
    guard admission.epoch == epoch else {
      totals.stale += 1
      return
    }
    if unavailableFor > 0 {
      unavailableUntil = max(unavailableUntil, now.saturatingAdd(unavailableFor))
    }
    switch state {
    case .closed, .metricsOnly:
      if result != .ignored {
        record(failed: result == .failure, slow: slow, countsInRow: countsInRow, at: now)
      }
    case .halfOpen:
      let isLive =
        result == .ignored
        ? trial.giveBack(admission.slot)
        : trial.record(admission.slot, failed: result == .failure, slow: slow)
      if isLive { judge(at: now) } else { totals.stale += 1 }
    case .disabled, .open, .forcedOpen: break
    }
  }

  // MARK: - Orders from outside

  /// Closed and forgetful, as new; totals stay.
  mutating func reset(at now: Int64) {
    enter(.closed, at: now)
    unavailableUntil = .min
    if journal.isKept { journal.note(.reset, at: now) }
  }

  /// Does nothing when the breaker is in `target` already.
  mutating func force(_ target: State, at now: Int64) {
    if target != state { transition(to: target, at: now) }
  }

  // MARK: - Readings

  mutating func metrics(at now: Int64) -> CircuitBreaker.Metrics {
    if state == .halfOpen { expire(at: now) }
    let counts = state == .halfOpen ? trial.counts : window.counts(at: now)
    let minimum = state == .halfOpen ? rules.halfOpenResults : rules.minimumCalls
    func rate(_ part: Int) -> Double {
      counts.recorded < minimum ? -1 : Double(part) * 100 / Double(counts.recorded)
    }
    return CircuitBreaker.Metrics(
      state: state, epoch: epoch,
      openedAt: isBroken ? MonotonicInstant(nanoseconds: openedAt) : nil,
      openUntil: state == .open ? MonotonicInstant(nanoseconds: openUntil) : nil,
      recorded: counts.recorded, failed: counts.failed, slow: counts.slow,
      consecutiveFailures: consecutiveFailures, failureRate: rate(counts.failed),
      slowCallRate: rate(counts.slow), totals: totals, eventsDropped: journal.dropped)
  }

  /// Lets the journal be read and emptied by the breaker.
  mutating func withJournal<Value>(_ body: (inout CircuitBreakerJournal) -> Value) -> Value {
    body(&journal)
  }

  private var isBroken: Bool {
    switch state {
    case .open, .halfOpen, .forcedOpen: true
    case .closed, .disabled, .metricsOnly: false
    }
  }

  // MARK: - Closed

  @inline(__always)
  private mutating func record(failed: Bool, slow: Bool, countsInRow: Bool, at now: Int64) {
    window.record(failed: failed, slow: slow, at: now)
    if failed {
      if countsInRow { consecutiveFailures += 1 }
    } else {
      consecutiveFailures = 0
    }
    let counts = window.counts
    let exceeded =
      rules.exceeds(counts) || consecutiveFailures >= rules.consecutiveFailuresMax
    if exceeded && !wasExceeded && journal.isKept {
      journal.note(
        .thresholdExceeded(
          recorded: counts.recorded, failed: counts.failed, slow: counts.slow,
          consecutiveFailures: consecutiveFailures), at: now)
    }
    wasExceeded = exceeded
    if exceeded && state == .closed { transition(to: .open, at: now) }
  }

  // MARK: - Open

  private func isWaiting(at now: Int64) -> Bool {
    rules.includesEndOfOpenWait ? now <= openUntil : now < openUntil
  }

  // MARK: - Half open

  /// Does what would have happened by itself until `now`, as of the instant at which it was due.
  private mutating func expire(at now: Int64) {
    while state == .halfOpen, let expiry = trial.firstExpiry(upTo: now) {
      switch expiry {
      case .lease(let slot, let end):
        _ = trial.record(slot, failed: true, slow: true)
        judge(at: end)
      case .wholeTrial(let end): reopen(at: end)
      }
    }
  }

  private mutating func judge(at now: Int64) {
    switch trial.verdict {
    case .close: transition(to: .closed, at: now)
    case .reopen: reopen(at: now)
    case nil: break
    }
  }

  private mutating func reopen(at now: Int64) {
    reopenings += 1
    transition(to: .open, at: now)
  }

  // MARK: - Transitions

  private mutating func transition(to target: State, at now: Int64) {
    let source = state
    let counts = source == .halfOpen ? trial.counts : window.counts
    enter(target, at: now)
    guard journal.isKept else { return }
    journal.note(
      .stateTransition(
        from: source, to: target, recorded: counts.recorded, failed: counts.failed,
        slow: counts.slow,
        openFor: target == .open ? .nanoseconds(openUntil.saturatingSubtract(now)) : nil), at: now)
  }

  private mutating func enter(_ target: State, at now: Int64) {
    state = target
    epoch += 1
    wasExceeded = false
    if target != .halfOpen && target != .open { reopenings = 0 }
    if target == .open || target == .forcedOpen { openedAt = now }
    switch target {
    case .open:
      let wait = rules.jittered(rules.wait(reopenings: reopenings), random)
      let asked = min(unavailableUntil.saturatingSubtract(now), rules.openWaitMax)
      openUntil = now.saturatingAdd(max(wait, asked))
      unavailableUntil = .min
    case .halfOpen: trial.begin(at: now)
    case .closed, .disabled, .metricsOnly, .forcedOpen:
      window.clear()
      consecutiveFailures = 0
    }
  }

  private mutating func admission(slot: Int, attemptTimeout: Int64, at now: Int64) -> Admission {
    totals.permitsIssued += 1
    return Admission(
      epoch: epoch, slot: slot, acquired: now,
      slowLimit: rules.slowLimit(attemptTimeout: attemptTimeout), isCounted: true)
  }

  private mutating func refusal(retryAfter: Duration?, at now: Int64) -> Refusal {
    totals.notPermitted += 1
    if journal.hearsCalls { journal.note(.callNotPermitted(state: state), at: now) }
    return Refusal(state: state, retryAfter: retryAfter)
  }
}

extension CircuitBreaker {
  /// What must be shown when an admitted call is settled.
  @usableFromInline
  struct Admission: Sendable {
    let epoch: Int64
    /// Of the half-open trial; -1 for others.
    let slot: Int
    let acquired: Int64
    /// Nanoseconds; a call that takes longer is slow.
    let slowLimit: Int64
    /// Whether it is among the permits issued already.
    var isCounted: Bool
  }
}

extension CircuitBreaker.Totals {
  fileprivate mutating func count(_ result: CircuitBreakerCore.CallResult, slow: Bool) {
    permitsSettled += 1
    switch result {
    case .success:
      successful += 1
      if slow { slowSuccessful += 1 }
    case .failure:
      failed += 1
      if slow { slowFailed += 1 }
    case .ignored: ignored += 1
    }
  }
}

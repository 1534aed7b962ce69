import Synchronization

/// Stops calling an upstream that fails, and tries it again after a while.
///
/// States, windows and the rules of recovery are resilience-and-discovery.md section 4. All state
/// sits behind one mutex that is held for some nanoseconds and never while other code runs; nothing
/// is timed, an open circuit becomes half open when the first call after its wait arrives. It counts
/// time by the clock's coarse reading: buckets and waits are seconds long.
@usableFromInline
package final class CircuitBreaker: Sendable {
  package enum State: String, Sendable, CaseIterable {
    case closed, open, halfOpen
    /// Lets every call through and records nothing; left only by an order.
    case disabled
    /// Lets every call through, records, and never trips; left only by an order.
    case metricsOnly
    /// Refuses every call; left only by an order.
    case forcedOpen
  }

  /// States that an operator may order.
  package enum ManualState: String, Sendable, CaseIterable {
    case closed, disabled, metricsOnly, forcedOpen

    var state: State {
      switch self {
      case .closed: .closed
      case .disabled: .disabled
      case .metricsOnly: .metricsOnly
      case .forcedOpen: .forcedOpen
      }
    }
  }

  package let name: String
  package let config: CircuitBreakerConfig
  private let rules: CircuitBreakerRules
  let clock: any ResilienceClock
  private let core: Mutex<CircuitBreakerCore>

  package init(
    name: String, config: CircuitBreakerConfig = .http,
    clock: any ResilienceClock = MonotonicClock(), random: RandomSource = RandomSource()
  ) {
    self.name = name
    self.config = config
    self.clock = clock
    rules = CircuitBreakerRules(config)
    core = Mutex(CircuitBreakerCore(name: name, config: config, random: random))
  }

  deinit {
    for listener in core.withLock({ $0.journal.listeners }).values {
      listener.continuation.finish()
    }
  }

  // MARK: - Calls

  /// Asks to make one call. The permit must be settled with the call's result; one that is dropped
  /// counts as ignored.
  ///
  /// - Parameter attemptTimeout: the call's own; sets its slow limit and its lease.
  /// - Throws: `CallNotPermitted` when the circuit is open or its trial is fully booked.
  package func tryAcquirePermit(
    attemptTimeout: Duration? = nil
  ) throws(CallNotPermitted) -> Permit {
    try acquire(attemptTimeout: attemptTimeout?.nanosecondsSaturated ?? .max)
  }

  func acquire(attemptTimeout: Int64) throws(CallNotPermitted) -> Permit {
    let now = clock.coarseNow.nanoseconds
    let (answer, tells) = core.withLock { core in
      (core.admit(attemptTimeout: attemptTimeout, at: now), core.journal.needsDelivery)
    }
    if tells { deliverEvents() }
    switch answer {
    case .success(let admission):
      return Permit(
        self, admission, acquired: now, slowLimit: rules.slowLimit(attemptTimeout: attemptTimeout))
    case .failure(let refusal):
      throw CallNotPermitted(name: name, state: refusal.state, retryAfter: refusal.retryAfter)
    }
  }

  func settle(
    _ admission: CircuitBreakerCore.Admission, _ result: CircuitBreakerCore.CallResult,
    acquired: Int64, slowLimit: Int64, unavailableFor: Int64 = 0, countsInRow: Bool = true,
    errorClass: @autoclosure () -> String = ""
  ) {
    let now = clock.coarseNow.nanoseconds
    let tells = core.withLock { core in
      core.settle(
        admission, result, duration: now - acquired, slowLimit: slowLimit,
        unavailableFor: unavailableFor, countsInRow: countsInRow, errorClass: errorClass(), at: now)
      return core.journal.needsDelivery
    }
    if tells { deliverEvents() }
  }

  // MARK: - Readings

  /// An open circuit stays `.open` here after its wait, until a call arrives.
  package var state: State { snapshot.state }

  package var snapshot: Metrics {
    let now = clock.coarseNow.nanoseconds
    let (metrics, tells) = core.withLock { ($0.metrics(at: now), $0.journal.needsDelivery) }
    if tells { deliverEvents() }
    return metrics
  }

  // MARK: - Orders

  /// Closes the circuit and forgets its window; totals stay.
  package func reset() {
    let now = clock.coarseNow.nanoseconds
    core.withLock { $0.reset(at: now) }
    deliverEvents()
  }

  /// Does nothing when the breaker is in that state already.
  package func transition(to target: ManualState) {
    let now = clock.coarseNow.nanoseconds
    core.withLock { $0.force(target.state, at: now) }
    deliverEvents()
  }

  // MARK: - Events

  /// A new listener: what happens from now on, in order. It keeps the newest 256 events it has not
  /// read; what it misses is counted in `snapshot.eventsDropped`.
  package var events: AsyncStream<CircuitBreakerEvent> { listen(hearsCalls: true) }

  /// As `events`, without those of single calls, which then cost nothing.
  package var transitions: AsyncStream<CircuitBreakerEvent> { listen(hearsCalls: false) }

  private func listen(hearsCalls: Bool) -> AsyncStream<CircuitBreakerEvent> {
    let (stream, listener) = AsyncStream.makeStream(
      of: CircuitBreakerEvent.self,
      bufferingPolicy: .bufferingNewest(CircuitBreakerJournal.eventsMax))
    let number = core.withLock { core in
      core.withJournal { $0.add(listener, hearsCalls: hearsCalls) }
    }
    listener.onTermination = { [weak self] _ in
      self?.core.withLock { core in core.withJournal { $0.remove(number) } }
    }
    return stream
  }

  /// Outside the lock, so that a listener may call the breaker. One thread at a time delivers, so
  /// that the order is that of the transitions.
  private func deliverEvents() {
    guard core.withLock({ core in core.withJournal { $0.beginDelivery() } }) else { return }
    while let batch = core.withLock({ core in core.withJournal { $0.nextBatch() } }) {
      var dropped = 0
      for event in batch.events {
        for listener in batch.listeners {
          if listener.take(event) { dropped += 1 }
        }
      }
      if dropped > 0 { core.withLock { core in core.withJournal { $0.countDropped(dropped) } } }
    }
  }
}

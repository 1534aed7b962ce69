import Synchronization

/// Stops calling an upstream that fails, and tries it again after a while.
///
/// States, windows and the rules of recovery are resilience-and-discovery.md section 4. All state
/// sits behind one mutex that is held for some nanoseconds and never while other code runs; a call
/// that every state but open and half open lets through takes it only for its result. Nothing is
/// timed, an open circuit becomes half open when the first call after its wait arrives. It counts
/// time by the clock's coarse reading: buckets and waits are seconds long.
@usableFromInline
package final class CircuitBreaker: Sendable {
  package enum State: String, Sendable, CaseIterable {
    case closed, open
    case halfOpen = "half_open"
    /// Lets every call through and records nothing; left only by an order.
    case disabled
    /// Lets every call through, records, and never trips; left only by an order.
    case metricsOnly = "metrics_only"
    /// Refuses every call; left only by an order.
    case forcedOpen = "forced_open"
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
  private let clock: any ResilienceClock
  /// The clock, if it is the real one: a call reads it twice, and without a detour by its protocol.
  private let realClock: MonotonicClock?
  private let core: Mutex<CircuitBreakerCore>
  /// The core's `openToAllIn`, for calls to read without the lock; -1 for none. A call that read it just
  /// before the circuit changed is one that came before.
  private let epochOpenToAll = Atomic<Int64>(0)
  /// Permits given without the lock.
  private let freelyIssued = Atomic<Int>(0)

  package init(
    name: String, config: CircuitBreakerConfig = .http,
    clock: any ResilienceClock = MonotonicClock(), random: RandomSource = RandomSource()
  ) {
    self.name = name
    self.config = config
    self.clock = clock
    realClock = clock as? MonotonicClock
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
    var admission = try admit(attemptTimeout: attemptTimeout?.nanosecondsSaturated ?? .max)
    if !admission.isCounted {
      freelyIssued.add(1, ordering: .relaxed)
      admission.isCounted = true
    }
    return Permit(self, admission)
  }

  /// As `tryAcquirePermit`, for those who settle it whatever happens: one that was given without the
  /// lock is counted then.
  @usableFromInline
  func admit(attemptTimeout: Int64) throws(CallNotPermitted) -> Admission {
    let now = coarseNow.nanoseconds
    let epoch = epochOpenToAll.load(ordering: .acquiring)
    if epoch >= 0 {
      return Admission(
        epoch: epoch, slot: -1, acquired: now,
        slowLimit: rules.slowLimit(attemptTimeout: attemptTimeout), isCounted: false)
    }
    let (answer, tells) = withCore { core in
      (core.admit(attemptTimeout: attemptTimeout, at: now), core.journal.needsDelivery)
    }
    if tells { deliverEvents() }
    switch answer {
    case .success(let admission): return admission
    case .failure(let refusal):
      throw CallNotPermitted(name: name, state: refusal.state, retryAfter: refusal.retryAfter)
    }
  }

  /// Takes the result of an admitted call, exactly once.
  ///
  /// - Parameter countsInRow: whether it is one of the failures in a row that open the circuit by themselves;
  ///   it counts in the rates in any case.
  func settle(
    _ admission: Admission, _ result: CircuitBreakerCore.CallResult, unavailableFor: Int64 = 0,
    countsInRow: Bool = true, errorClass: @autoclosure () -> String = ""
  ) {
    let now = coarseNow.nanoseconds
    let tells = withCore { core in
      core.settle(
        admission, result, unavailableFor: unavailableFor, countsInRow: countsInRow,
        errorClass: errorClass(), at: now)
      return core.journal.needsDelivery
    }
    if tells { deliverEvents() }
  }

  /// Whatever may change the circuit goes through here.
  private func withCore<Value>(_ body: (inout CircuitBreakerCore) -> Value) -> Value {
    core.withLock { core in
      let before = core.epoch
      let value = body(&core)
      if core.epoch != before {
        epochOpenToAll.store(core.openToAllIn ?? -1, ordering: .releasing)
      }
      return value
    }
  }

  var coarseNow: MonotonicInstant { realClock?.coarseNow ?? clock.coarseNow }

  // MARK: - Readings

  /// An open circuit stays `.open` here after its wait, until a call arrives.
  package var state: State { snapshot.state }

  package var snapshot: Metrics {
    let now = coarseNow.nanoseconds
    var (metrics, tells) = withCore { ($0.metrics(at: now), $0.journal.needsDelivery) }
    metrics.totals.permitsIssued += freelyIssued.load(ordering: .relaxed)
    if tells { deliverEvents() }
    return metrics
  }

  // MARK: - Orders

  /// Closes the circuit and forgets its window; totals stay.
  package func reset() {
    let now = coarseNow.nanoseconds
    withCore { $0.reset(at: now) }
    deliverEvents()
  }

  /// Does nothing when the breaker is in that state already.
  package func transition(to target: ManualState) {
    let now = coarseNow.nanoseconds
    withCore { $0.force(target.state, at: now) }
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

extension CircuitBreaker {
  /// One reading of a breaker, for metrics and `GET /admin/circuit-breakers`.
  package struct Metrics: Sendable, Equatable {
    package var state: State
    /// Grows by one with every transition.
    package var epoch: Int64
    /// When an open circuit, forced or not, or one on trial was last opened.
    package var openedAt: MonotonicInstant?
    /// When an open circuit will let a call through.
    package var openUntil: MonotonicInstant?
    /// Results in the current window, or of the current trial when half open.
    package var recorded: Int
    package var failed: Int
    package var slow: Int
    package var consecutiveFailures: Int
    /// Per cent, -1 below the minimum of calls.
    package var failureRate: Double
    package var slowCallRate: Double
    /// Since the breaker was made.
    package var totals: Totals
    /// Events that no listener will see because it was too slow.
    package var eventsDropped: Int
  }

  /// Counters that never go back.
  package struct Totals: Sendable, Equatable {
    package var successful = 0
    package var failed = 0
    package var ignored = 0
    package var slowSuccessful = 0
    package var slowFailed = 0
    package var notPermitted = 0
    /// Results that came after the circuit had changed, or after their lease: they change nothing.
    package var stale = 0
    /// Calls run by `attempt` while the circuit lets all through are counted when they end: nothing of
    /// theirs can be dropped.
    package var permitsIssued = 0
    package var permitsSettled = 0
  }
}

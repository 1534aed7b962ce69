import Resilience
import SharedKernel

/// One circuit breaker, as `GET /admin/circuit-breakers` shows it.
struct BreakerView: Encodable, Sendable {
  let target: String
  let state: String
  /// Per cent of the calls in the window; absent while there are too few to judge.
  let failureRate: Double?
  let calls: Int
  let consecutiveFailures: Int
  let notPermitted: Int
  /// When a circuit that is not closed was last opened.
  let openedAt: Timestamp?
  /// When an open circuit lets the next call through.
  let nextProbeAt: Timestamp?

  init(_ breaker: CircuitBreaker, target: String) {
    let snapshot = breaker.snapshot
    self.target = target
    state =
      switch snapshot.state {
      case .halfOpen: "half_open"
      case .forcedOpen: "open"
      default: snapshot.state.rawValue
      }
    failureRate = snapshot.failureRate < 0 ? nil : snapshot.failureRate
    calls = snapshot.recorded
    consecutiveFailures = snapshot.consecutiveFailures
    notPermitted = snapshot.totals.notPermitted
    let now = MonotonicClock().now
    openedAt = snapshot.openedAt.map { .now() + ($0 - now) }
    nextProbeAt = snapshot.openUntil.map { .now() + ($0 - now) }
  }
}

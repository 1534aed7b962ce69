import Resilience
import SharedKernel

/// One circuit breaker with the retries of its calls, as `GET /admin/circuit-breakers` shows it.
struct BreakerView: Encodable, Sendable {
  let target: String
  let state: String
  /// Open by an order: no call is tried until another order.
  let isForced: Bool
  /// Per cent of the calls in the window; absent while there are too few to judge.
  let failureRate: Double?
  let calls: Int
  let consecutiveFailures: Int
  let notPermitted: Int
  /// When a circuit that is not closed was last opened.
  let openedAt: Timestamp?
  /// When an open circuit lets the next call through.
  let nextProbeAt: Timestamp?
  /// Retries that the budget would grant now; absent without a budget.
  let retryBudget: Int?
  /// Retries that the budget has not granted, since the start.
  let retriesDenied: Int

  init(_ pipeline: ResiliencePipeline, target: String) {
    let snapshot = pipeline.circuitBreaker.snapshot
    self.target = target
    state = (snapshot.state == .forcedOpen ? .open : snapshot.state).rawValue
    failureRate = snapshot.failureRate < 0 ? nil : snapshot.failureRate
    isForced = snapshot.state == .forcedOpen
    calls = snapshot.recorded
    consecutiveFailures = snapshot.consecutiveFailures
    notPermitted = snapshot.totals.notPermitted
    let now = MonotonicClock().now
    openedAt = snapshot.openedAt.map { .now() + ($0 - now) }
    nextProbeAt = snapshot.openUntil.map { .now() + ($0 - now) }
    retryBudget = pipeline.retry.budgetBalance
    retriesDenied = pipeline.retry.totals.budgetDenied
  }
}

import Synchronization

/// Repeats failed attempts where that is safe and useful (resilience-and-discovery.md section 6).
@usableFromInline
package final class Retry: Policy {
  package let name: String
  package let config: RetryConfig
  package let budget: RetryBudget?
  private let plan: RetryPlan
  private let clock: any ResilienceClock
  private let random: RandomSource
  private let counters = RetryCounters()

  package init(
    name: String, config: RetryConfig = .http, clock: any ResilienceClock = MonotonicClock(),
    random: RandomSource = RandomSource()
  ) {
    self.name = name
    self.config = config
    self.clock = clock
    self.random = random
    budget = config.budget.map(RetryBudget.init)
    plan = RetryPlan(config)
  }

  package var totals: Totals { counters.totals }

  /// Retries that the budget would grant now; nil without a budget.
  package var budgetBalance: Int? { budget?.balance(at: clock.now) }

  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    if Task.isCancelled { return .ignored(CancellationError()) }
    deposit(for: context)
    let first = await operation(context)
    guard !isGood(first.outcome) else { return first }
    return await repeated(after: first, context, operation)
  }

  @usableFromInline
  func deposit(for context: CallContext) {
    if let budget { budget.deposit(at: context.began ?? clock.coarseNow) }
  }

  /// Whether a first attempt was all that was needed; counts it then.
  @usableFromInline
  func isGood(_ outcome: Outcome) -> Bool {
    guard case .success = outcome else { return false }
    counters.count(.successfulWithoutRetry)
    return true
  }

  @usableFromInline
  nonisolated(nonsending) func repeated<Value>(
    after first: Attempt<Value>, _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    var context = context
    var last = first
    while true {
      if Task.isCancelled { return .ignored(CancellationError()) }
      let now = clock.now
      let decision = plan.decide(
        after: last.outcome, rejection: last.rejection, context: context,
        remaining: context.deadline.remainingNanoseconds(at: now), random: random)
      guard case .retry(let delay) = decision else {
        counters.count(context.attempt > 1 ? .failedWithRetry : .failedWithoutRetry)
        return last
      }
      guard await isGranted(delay, at: now) else {
        if Task.isCancelled { return .ignored(CancellationError()) }
        counters.count(context.attempt > 1 ? .failedWithRetry : .failedWithoutRetry)
        return last
      }
      context.attempt += 1
      counters.countRetry(after: last.outcome.failure)
      let next = await operation(context)
      if next.outcome == .success {
        counters.count(.successfulWithRetry)
        return next
      }
      if next.localRejection != nil, !config.retriesCallNotPermitted {
        // The failure that made us retry tells more than our own refusal to ask again.
        counters.count(.refused)
        counters.count(.failedWithRetry)
        return last
      }
      last = next
    }
  }

  /// Takes a token, then waits; a cancelled wait gives the token back.
  ///
  /// In this order, because a check after the wait lets a whole wave through (envoy#30205).
  private nonisolated(nonsending) func isGranted(
    _ delay: Int64, at now: MonotonicInstant
  ) async -> Bool {
    guard let budget else { return await hasSlept(delay, from: now) }
    guard let withdrawal = budget.withdraw(at: now) else {
      counters.count(.budgetDenied)
      return false
    }
    if await hasSlept(delay, from: now) { return true }
    budget.refund(withdrawal)
    return false
  }

  private nonisolated(nonsending) func hasSlept(
    _ delay: Int64, from now: MonotonicInstant
  ) async -> Bool {
    if delay > 0 {
      let end = MonotonicInstant(nanoseconds: now.nanoseconds.saturatingAdd(delay))
      do { try await clock.sleep(until: end) } catch {
        // A clock's sleep ends early for cancellation only.
        return false
      }
    }
    return !Task.isCancelled
  }
}

extension Attempt {
  fileprivate var localRejection: (any LocalRejection)? {
    guard outcome == .ignored, case .failure(let error) = result else { return nil }
    return error as? any LocalRejection
  }

  fileprivate var rejection: CallNotPermitted? { localRejection as? CallNotPermitted }
}

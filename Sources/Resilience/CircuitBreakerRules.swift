/// The breaker's settings as the numbers it computes with: nanoseconds and counts.
struct CircuitBreakerRules: Sendable {
  let minimumCalls: Int
  let failureRateThreshold: Int
  let consecutiveFailuresMax: Int
  let slowCallRateThreshold: Int
  let halfOpenPermits: Int
  /// Results after which a half-open circuit decides.
  let halfOpenResults: Int
  let halfOpenWaitMax: Int64
  let decidesEarly: Bool
  let includesEndOfOpenWait: Bool
  let openWaitMax: Int64
  private let openWait: Int64
  private let openWaitMultiplier: Int64
  private let openWaitJitter: Int64
  private let leaseMin: Int64
  private let slowPercent: Int64
  private let slowOtherwise: Int64

  init(_ config: CircuitBreakerConfig) {
    let settings = config.settings
    if case .count(let size) = settings.window {
      minimumCalls = min(settings.minimumCalls, size)
    } else {
      minimumCalls = settings.minimumCalls
    }
    failureRateThreshold = settings.failureRateThreshold
    consecutiveFailuresMax = settings.consecutiveFailuresMax ?? .max
    slowCallRateThreshold = settings.slowCallRateThreshold
    halfOpenPermits = settings.halfOpenPermits
    halfOpenResults = min(minimumCalls, settings.halfOpenPermits)
    halfOpenWaitMax = settings.halfOpenWaitMax?.nanosecondsSaturated ?? .max
    decidesEarly = settings.decidesEarly
    includesEndOfOpenWait = settings.includesEndOfOpenWait
    openWait = settings.openWait.nanosecondsSaturated
    openWaitMultiplier = Int64(settings.openWaitMultiplier)
    openWaitMax = settings.openWaitMax.nanosecondsSaturated
    openWaitJitter = Int64(settings.openWaitJitter)
    leaseMin = settings.leaseMin.nanosecondsSaturated
    switch settings.slowCall {
    case .never: (slowPercent, slowOtherwise) = (0, .max)
    case .over(let limit): (slowPercent, slowOtherwise) = (0, limit.nanosecondsSaturated)
    case .overShareOfAttemptTimeout(let percent, let otherwise):
      (slowPercent, slowOtherwise) = (Int64(percent), otherwise.nanosecondsSaturated)
    }
  }

  /// A call that takes longer than this is slow.
  ///
  /// - Parameter attemptTimeout: the call's own, Int64.max when it has none.
  func slowLimit(attemptTimeout: Int64) -> Int64 {
    guard slowPercent > 0, attemptTimeout != .max else { return slowOtherwise }
    // Divided first: a timeout of centuries must not overflow; what is lost is below 100 ns.
    return attemptTimeout / 100 * slowPercent
  }

  func lease(attemptTimeout: Int64) -> Int64 {
    attemptTimeout == .max ? leaseMin : max(leaseMin, attemptTimeout.saturatingMultiply(2))
  }

  /// How long to stay open after `reopenings` reopenings in a row, without jitter.
  func wait(reopenings: Int) -> Int64 {
    var wait = openWait
    for _ in 0..<reopenings where openWaitMultiplier > 1 && wait < openWaitMax {
      wait = wait.saturatingMultiply(openWaitMultiplier)
    }
    return min(wait, openWaitMax)
  }

  /// `wait` moved by up to the jitter's share, either way.
  func jittered(_ wait: Int64, _ random: RandomSource) -> Int64 {
    let reach = wait / 100 * openWaitJitter
    guard reach > 0 else { return wait }
    return wait - reach + random.number(upTo: reach * 2)
  }

  func exceeds(_ counts: WindowCounts) -> Bool {
    counts.recorded >= minimumCalls
      && (counts.failureRateReaches(percent: failureRateThreshold)
        || counts.slowRateReaches(percent: slowCallRateThreshold))
  }
}

/// Decides what follows an attempt (resilience-and-discovery.md section 6, rules 1 to 3).
struct RetryPlan: Sendable {
  /// Why retrying ended.
  enum Stop: Equatable, Sendable {
    case notRetryable, attemptsUsed, pushedBack, deadlineTooNear
  }

  enum Decision: Equatable, Sendable {
    case stop(Stop)
    /// Try again after so many nanoseconds.
    case retry(after: Int64)
  }

  let attemptsMax: Int
  private let base: Int64
  private let cap: Int64
  private let isJittered: Bool
  private let minimumUseful: Int64
  private let retriesCallNotPermitted: Bool

  init(_ config: RetryConfig) {
    attemptsMax = config.attemptsMax
    switch config.backoff {
    case .fixed(let wait):
      (base, cap, isJittered) = (wait.nanosecondsSaturated, wait.nanosecondsSaturated, false)
    case .fullJitter(let base, let cap):
      (self.base, self.cap, isJittered) =
        (base.nanosecondsSaturated, cap.nanosecondsSaturated, true)
    }
    minimumUseful = config.minimumUseful.nanosecondsSaturated
    retriesCallNotPermitted = config.retriesCallNotPermitted
  }

  /// - Parameters:
  ///   - rejection: the error when it was a refusal of the circuit breaker.
  ///   - remaining: nanoseconds left of the deadline.
  func decide(
    after outcome: Outcome, rejection: CallNotPermitted?, context: CallContext, remaining: Int64,
    random: RandomSource
  ) -> Decision {
    guard case .failure(let failureClass, let advice) = outcome else {
      guard retriesCallNotPermitted, rejection != nil else { return .stop(.notRetryable) }
      return decide(delay: backoff(after: context.attempt, random), context, remaining)
    }
    guard failureClass.mayBeResent(context.idempotency, isInvited: advice.invitesRetry) else {
      return .stop(.notRetryable)
    }
    if advice.pushback == .never { return .stop(.pushedBack) }
    let delay =
      if case .after(let pushback) = advice.pushback {
        pushback.nanosecondsSaturated
      } else if let retryAfter = advice.retryAfter {
        jitteredUpwards(retryAfter.nanosecondsSaturated, random)
      } else if failureClass.isNotSent && context.attempt == 1 && advice.hasOtherEndpoint {
        Int64(0)
      } else {
        backoff(after: context.attempt, random)
      }
    return decide(delay: delay, context, remaining)
  }

  private func decide(delay: Int64, _ context: CallContext, _ remaining: Int64) -> Decision {
    if context.attempt >= attemptsMax { return .stop(.attemptsUsed) }
    // Never sleep to die: better to answer now with the failure that is known.
    if delay.saturatingAdd(minimumUseful) > remaining { return .stop(.deadlineTooNear) }
    return .retry(after: delay)
  }

  /// - Parameter attempt: the one that failed, from 1.
  func backoff(after attempt: Int, _ random: RandomSource) -> Int64 {
    guard isJittered else { return base }
    var reach = base
    for _ in 1..<max(1, attempt) where reach < cap { reach = reach.saturatingMultiply(2) }
    return random.number(upTo: min(reach, cap))
  }

  /// Up to a tenth longer and never shorter, so that clients that were told the same do not return
  /// at the same instant.
  private func jitteredUpwards(_ wait: Int64, _ random: RandomSource) -> Int64 {
    wait.saturatingAdd(random.number(upTo: wait / 10))
  }
}

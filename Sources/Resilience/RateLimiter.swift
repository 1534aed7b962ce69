import Synchronization

/// Keeps calls to a rate: a token bucket, not fixed cycles, so that no burst straddles a boundary
/// (resilience4j#822).
@usableFromInline
package final class RateLimiter: Policy {
  package let name: String
  package let config: RateLimiterConfig
  private let clock: any ResilienceClock
  private let state: Mutex<State>

  fileprivate struct State: Sendable {
    var bucket: TokenBucket
    /// Tickets of those who wait, the longest first.
    var waiters: [UInt64] = []
    var ticketsMade: UInt64 = 0
  }

  package init(
    name: String, config: RateLimiterConfig, clock: any ResilienceClock = MonotonicClock()
  ) {
    self.name = name
    self.config = config
    self.clock = clock
    state = Mutex(
      State(
        bucket: TokenBucket(perSecond: config.perSecond, burst: config.burst, at: clock.now)))
  }

  /// Calls that wait now.
  package var waiting: Int { state.withLock { $0.waiters.count } }

  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    do {
      try await take(deadline: context.deadline)
    } catch {
      return .ignored(error)
    }
    return await operation(context)
  }

  /// Takes a token, in the order of arrival.
  ///
  /// - Throws: `RateLimited` when none comes within `waitMax` or before `deadline`, at once if that is
  ///   known; `CancellationError`.
  @usableFromInline
  package nonisolated(nonsending) func take(deadline: Deadline = .none) async throws {
    let began = clock.now
    let end = min(began + config.waitMax, deadline.instant)
    var ticket: UInt64?
    defer { if let ticket { leave(ticket) } }
    // Only a token ends the loop well: an estimate may be wrong, and who sleeps holds nothing.
    while let wait = state.withLock({
      $0.take(&ticket, waitersMax: config.waitersMax, at: clock.now)
    }) {
      let ready = clock.now + wait
      guard ready <= end, ticket != nil else { throw RateLimited(name: name, retryAfter: wait) }
      try await clock.sleep(until: ready)
    }
  }

  private func leave(_ ticket: UInt64) {
    state.withLock { state in state.waiters.removeAll { $0 == ticket } }
  }
}

extension RateLimiter.State {
  /// - Returns: nil when a token was taken; otherwise the wait, and a place in the queue in `ticket`
  ///   unless it is full.
  fileprivate mutating func take(
    _ ticket: inout UInt64?, waitersMax: Int, at now: MonotonicInstant
  ) -> Duration? {
    let ahead = ticket.flatMap { waiters.firstIndex(of: $0) } ?? waiters.count
    let wait = bucket.take(sparing: ahead, at: now)
    if wait != nil, ticket == nil, waiters.count < waitersMax {
      ticketsMade += 1
      ticket = ticketsMade
      waiters.append(ticketsMade)
    }
    return wait
  }
}

import Synchronization

/// Limits how many logical calls run at once; the others wait in order, in a bounded queue.
@usableFromInline
package final class Bulkhead: Policy {
  package let name: String
  package let config: BulkheadConfig
  private let clock: any ResilienceClock
  private let queue: Mutex<BulkheadQueue>

  package init(
    name: String, config: BulkheadConfig = .http, clock: any ResilienceClock = MonotonicClock()
  ) {
    self.name = name
    self.config = config
    self.clock = clock
    queue = Mutex(
      BulkheadQueue(
        concurrentMax: config.concurrentMax,
        waitersMax: config.waitMax > .zero ? config.waitersMax : 0))
  }

  /// Calls that run now.
  package var running: Int { queue.withLock { $0.running } }
  /// Calls that wait now.
  package var waiting: Int { queue.withLock { $0.waiting } }

  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    let place: Place
    if let free = enterAtOnce() {
      place = free
    } else {
      do {
        place = try await queued(deadline: context.deadline)
      } catch {
        return .ignored(error)
      }
    }
    let attempt = await operation(context)
    place.leave()
    return attempt
  }

  /// A running call's place; dropping it frees it too.
  @usableFromInline
  package struct Place: ~Copyable, Sendable {
    private let bulkhead: Bulkhead

    fileprivate init(_ bulkhead: Bulkhead) {
      self.bulkhead = bulkhead
    }

    @usableFromInline
    package consuming func leave() {}

    deinit {
      bulkhead.queue.withLock { $0.leave() }?.resume(returning: .admitted)
    }
  }

  /// Waits for a place, at most `waitMax` and until `deadline`.
  ///
  /// - Throws: `BulkheadFull`, `DeadlineExceeded` in the queue, or `CancellationError`.
  package nonisolated(nonsending) func enter(deadline: Deadline = .none) async throws -> Place {
    if let free = enterAtOnce() { return free }
    return try await queued(deadline: deadline)
  }

  /// - Returns: nil when a place has to be waited for. Apart from the wait, because what may wait costs
  ///   a call more than taking the place does.
  @usableFromInline
  func enterAtOnce() -> Place? {
    queue.withLock({ $0.enter() }) ? Place(self) : nil
  }

  @usableFromInline
  nonisolated(nonsending) func queued(deadline: Deadline) async throws -> Place {
    guard queue.withLock({ $0.waiting < $0.waitersMax }) else {
      throw BulkheadFull(name: name, reason: .queueFull)
    }
    let end = min(clock.now + config.waitMax, deadline.instant)
    switch await wait(until: end) {
    case .admitted: return Place(self)
    case .full: throw BulkheadFull(name: name, reason: .queueFull)
    case .cancelled: throw CancellationError()
    case .timedOut where end == deadline.instant: throw DeadlineExceeded(place: .queue)
    case .timedOut: throw BulkheadFull(name: name, reason: .waitedTooLong)
    }
  }

  private nonisolated(nonsending) func wait(
    until end: MonotonicInstant
  ) async -> BulkheadQueue.Ending {
    let ticket = queue.withLock { $0.makeTicket() }
    // A child task that ends with the wait. It costs some microseconds, on calls that wait anyway.
    async let _ = timeOut(ticket, at: end)
    let ending = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // Under the lock, so that a cancellation or the timer either is seen here or finds the
        // waiter in the queue.
        let ending = queue.withLock { queue -> BulkheadQueue.Ending? in
          if Task.isCancelled { return .cancelled }
          if clock.now >= end { return .timedOut }
          return queue.join(ticket, continuation)
        }
        if let ending { continuation.resume(returning: ending) }
      }
    } onCancel: {
      giveUp(ticket, .cancelled)
    }
    return ending
  }

  private func timeOut(_ ticket: UInt64, at end: MonotonicInstant) async {
    do { try await clock.sleep(until: end) } catch {
      // The wait is over: nothing is left to be timed.
      return
    }
    giveUp(ticket, .timedOut)
  }

  private func giveUp(_ ticket: UInt64, _ ending: BulkheadQueue.Ending) {
    queue.withLock { $0.giveUp(ticket) }?.resume(returning: ending)
  }
}

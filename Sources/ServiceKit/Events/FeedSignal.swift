import EventLoops
import Synchronization

/// Tells those who wait in this process that the feed may have moved; `FeedBell` tells of what other
/// processes do. A hint: whoever waits also looks by itself after a while.
package final class FeedSignal: Sendable {
  enum Kind: Int, CaseIterable {
    /// An event was inserted and waits for its position.
    case unnumbered
    /// Positions were given: readers have something new.
    case numbered
  }

  private struct Waiter {
    let id: UInt64
    let continuation: CheckedContinuation<Void, Never>
  }
  private struct State {
    var waiters: [[Waiter]] = [[], []]
    var raised: [UInt64] = [0, 0]
    var nextID: UInt64 = 0
    var abandoned: Set<UInt64> = []
  }
  private let state = Mutex(State())
  let isDraining = Atomic<Bool>(false)

  package init() {}

  /// From now on nobody is kept waiting for something new: the service is about to end.
  func drain() {
    isDraining.store(true, ordering: .relaxed)
    raise(.numbered)
  }

  func raise(_ kind: Kind) {
    let waiters = state.withLock { state in
      state.raised[kind.rawValue] += 1
      let waiters = state.waiters[kind.rawValue]
      state.waiters[kind.rawValue] = []
      return waiters
    }
    for waiter in waiters { waiter.continuation.resume() }
  }

  /// How often `kind` was raised; to be read before looking, and given to `wait`.
  func count(_ kind: Kind) -> UInt64 {
    state.withLock { $0.raised[kind.rawValue] }
  }

  /// Returns when `kind` has been raised since `count`, after `limit`, or when the task is cancelled.
  func wait(for kind: Kind, since count: UInt64, limit: Duration, on loop: EventLoop) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(for: kind, since: count) }
      group.addTask {
        // Only a cancellation ends the sleep early, and then nobody waits for it.
        try? await loop.sleep(for: limit)
      }
      await group.next()
      group.cancelAll()
    }
  }

  private func wait(for kind: Kind, since count: UInt64) async {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustReturn = state.withLock { state in
          if state.raised[kind.rawValue] != count || state.abandoned.contains(id) { return true }
          state.waiters[kind.rawValue].append(Waiter(id: id, continuation: continuation))
          return false
        }
        if mustReturn { continuation.resume() }
      }
    } onCancel: {
      leave(id, kind)
    }
    state.withLock { _ = $0.abandoned.remove(id) }
  }

  private func leave(_ id: UInt64, _ kind: Kind) {
    let waiter: Waiter? = state.withLock { state in
      guard let index = state.waiters[kind.rawValue].firstIndex(where: { $0.id == id }) else {
        // Cancelled before it began to wait.
        state.abandoned.insert(id)
        return nil
      }
      return state.waiters[kind.rawValue].remove(at: index)
    }
    waiter?.continuation.resume()
  }
}

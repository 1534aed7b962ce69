import Dispatch
import Synchronization

/// The one place where code may block: a bounded set of threads beside the loops, for argon2id,
/// `getaddrinfo`, `PQcancel` and files.
package final class BlockingWork: Sendable {
  /// Refused: as many jobs wait as may.
  package struct QueueFull: Error {}

  package static let shared = BlockingWork(threads: 4, waitingMax: 256)

  private let threads: Int
  private let waitingMax: Int
  private let queue = DispatchQueue(label: "blocking-work", attributes: .concurrent)

  private struct State {
    var running = 0
    var waiting: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  /// - Parameters:
  ///   - threads: jobs that run at the same time.
  ///   - waitingMax: jobs that may wait for a thread; further ones are refused.
  package init(threads: Int, waitingMax: Int) {
    self.threads = threads
    self.waitingMax = waitingMax
  }

  /// Runs `body` on a thread that may block, and comes back to the caller's executor.
  ///
  /// - Throws: `QueueFull`, or what `body` throws. A cancelled caller still waits for a body that
  ///   has begun.
  package func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let job: @Sendable () -> Void = {
        continuation.resume(with: Result(catching: body))
      }
      if !submit(job) { continuation.resume(throwing: QueueFull()) }
    }
  }

  private func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
    enum Place { case thread, line, none }
    let place: Place = state.withLock { state in
      if state.running < threads {
        state.running += 1
        return .thread
      }
      if state.waiting.count < waitingMax {
        state.waiting.append(job)
        return .line
      }
      return .none
    }
    if place == .thread { queue.async { self.work(from: job) } }
    return place != .none
  }

  /// Runs `first`, then whatever waits, until nothing does.
  private func work(from first: @Sendable () -> Void) {
    first()
    while let next = nextJob() { next() }
  }

  private func nextJob() -> (@Sendable () -> Void)? {
    state.withLock { state in
      if state.waiting.isEmpty {
        state.running -= 1
        return nil
      }
      return state.waiting.removeFirst()
    }
  }
}

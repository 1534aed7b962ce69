import Dispatch
import Synchronization

/// The one place where code may block: a bounded set of threads beside the loops, for argon2id,
/// `getaddrinfo`, `PQcancel` and files.
package final class BlockingWork: Sendable {
  /// Refused: as many jobs wait as may.
  package struct QueueFull: Error {}

  /// The process's own: 4 threads, before which at most 256 jobs wait.
  package static let shared = BlockingWork(threads: 4, waitingMax: 256)

  private let waitingMax: Int
  /// Serial queues, since those get threads beyond Dispatch's pool: the global executor of Swift's tasks
  /// lives in that pool, and a few passwords being hashed there would bring it to a stop.
  private let threads: [DispatchQueue]

  private struct State {
    var idleThreads: [Int]
    var waiting: [@Sendable () -> Void] = []
  }
  private let state: Mutex<State>

  /// - Parameters:
  ///   - threads: jobs that run at the same time.
  ///   - waitingMax: jobs that may wait for a thread; further ones are refused.
  package init(threads: Int, waitingMax: Int) {
    self.waitingMax = waitingMax
    self.threads = (0..<threads).map { DispatchQueue(label: "blocking-work-\($0)") }
    state = Mutex(State(idleThreads: Array(0..<threads)))
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

  /// - Returns: false if there is neither a thread nor a place to wait.
  private func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
    enum Place {
      case thread(Int)
      case line
      case none
    }
    let place: Place = state.withLock { state in
      if let thread = state.idleThreads.popLast() { return .thread(thread) }
      guard state.waiting.count < waitingMax else { return .none }
      state.waiting.append(job)
      return .line
    }
    switch place {
    case .thread(let thread):
      threads[thread].async { self.work(from: job, on: thread) }
      return true
    case .line: return true
    case .none: return false
    }
  }

  /// Runs `first`, then whatever waits, until nothing does.
  private func work(from first: @Sendable () -> Void, on thread: Int) {
    first()
    while let next = nextJob(on: thread) { next() }
  }

  private func nextJob(on thread: Int) -> (@Sendable () -> Void)? {
    state.withLock { state in
      if state.waiting.isEmpty {
        state.idleThreads.append(thread)
        return nil
      }
      return state.waiting.removeFirst()
    }
  }
}

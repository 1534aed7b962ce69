import Synchronization

extension EventLoop {
  /// Suspends the calling task for `delay`, by a timer of this loop.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  package func sleep(for delay: Duration) async throws {
    let sleeper = Sleeper()
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        execute {
          sleeper.begin(continuation, timer: self.schedule(after: delay) { sleeper.end(nil) })
        }
      }
    } onCancel: {
      execute { sleeper.end(CancellationError()) }
    }
  }
}

/// The state of one sleep; touched on the loop's thread only.
private final class Sleeper: @unchecked Sendable {
  private var continuation: CheckedContinuation<Void, any Error>?
  private var timer: LoopTimer?
  private var isEnded = false

  func begin(_ continuation: CheckedContinuation<Void, any Error>, timer: LoopTimer) {
    guard !isEnded else {
      // Cancelled before it began.
      timer.cancel()
      return continuation.resume(throwing: CancellationError())
    }
    self.continuation = continuation
    self.timer = timer
  }

  func end(_ error: (any Error)?) {
    guard !isEnded else { return }
    isEnded = true
    timer?.cancel()
    guard let continuation else { return }
    if let error { continuation.resume(throwing: error) } else { continuation.resume() }
  }
}

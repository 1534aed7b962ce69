import ServiceKit
import SharedKernel
import Synchronization

/// Goes on with the sagas that nobody runs: given back by a request, left by a process that died, or
/// due after a wait.
struct CheckoutWorker: Sendable {
  /// Sagas that one process runs at a time.
  static let runningMax = 100
  static let pollInterval: Duration = .milliseconds(250)

  let runner: CheckoutRunner
  /// Told when a saga could not be run on; its lease ends by itself, or was given back for long.
  let failed: @Sendable (SagaLease, any Error) -> Void

  /// Runs until its task is cancelled.
  ///
  /// - Throws: what taking sagas throws.
  func run() async throws {
    try await runner.store.freePredecessorsLeases()
    let running = Running()
    try await withThrowingDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let free = Self.runningMax - running.count.load(ordering: .relaxed)
        let leases =
          free > 0
          ? try await runner.store.takeDue(countMax: free, lease: runner.timings.lease) : []
        for lease in leases {
          running.count.add(1, ordering: .relaxed)
          group.addTask {
            await follow(lease)
            running.count.subtract(1, ordering: .relaxed)
          }
        }
        if leases.isEmpty { try await Task.sleep(for: Self.pollInterval) }
      }
    }
  }

  /// Runs one saga in the trace that it was begun in.
  private func follow(_ lease: SagaLease) async {
    let trace =
      lease.traceparent.flatMap { TraceContext(traceparent: $0) }?.child() ?? TraceContext.root()
    let scope = RequestScope(requestID: "saga-\(lease.id)", trace: trace)
    do {
      try await RequestScope.$current.withValue(scope) { try await runner.run(lease) }
    } catch {
      failed(lease, error)
    }
  }

  private final class Running: Sendable {
    let count = Atomic(0)
  }
}

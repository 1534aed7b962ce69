import Synchronization

extension Retry {
  /// Counters that never go back; the names are resilience4j's.
  package struct Totals: Sendable, Equatable {
    package var successfulWithoutRetry = 0
    package var successfulWithRetry = 0
    package var failedWithRetry = 0
    package var failedWithoutRetry = 0
    /// Attempts after the first.
    package var retries = 0
    /// Of these, how many came after which failure; those after a refusal of the circuit breaker are
    /// not among them.
    package var retriesAfter: [FailureClass: Int] = [:]
    package var budgetDenied = 0
    /// Retries that our own side refused further in, such as an open circuit: the call ended with the
    /// failure that it had.
    package var refused = 0
  }
}

/// Lock-free but for retries, because every call counts.
final class RetryCounters: Sendable {
  enum Kind {
    case successfulWithoutRetry, successfulWithRetry, failedWithRetry, failedWithoutRetry
    case budgetDenied, refused
  }

  private let successfulWithoutRetry = Atomic(0)
  private let successfulWithRetry = Atomic(0)
  private let failedWithRetry = Atomic(0)
  private let failedWithoutRetry = Atomic(0)
  private let retries = Mutex((all: 0, after: [FailureClass: Int]()))
  private let budgetDenied = Atomic(0)
  private let refused = Atomic(0)

  func count(_ kind: Kind) {
    switch kind {
    case .successfulWithoutRetry: successfulWithoutRetry.add(1, ordering: .relaxed)
    case .successfulWithRetry: successfulWithRetry.add(1, ordering: .relaxed)
    case .failedWithRetry: failedWithRetry.add(1, ordering: .relaxed)
    case .failedWithoutRetry: failedWithoutRetry.add(1, ordering: .relaxed)
    case .budgetDenied: budgetDenied.add(1, ordering: .relaxed)
    case .refused: refused.add(1, ordering: .relaxed)
    }
  }

  /// Counts an attempt after the first.
  ///
  /// - Parameter failure: of the attempt before; nil if the circuit breaker refused that one.
  func countRetry(after failure: FailureClass?) {
    retries.withLock { retries in
      retries.all += 1
      if let failure { retries.after[failure, default: 0] += 1 }
    }
  }

  var totals: Retry.Totals {
    let retries = retries.withLock { $0 }
    return Retry.Totals(
      successfulWithoutRetry: successfulWithoutRetry.load(ordering: .relaxed),
      successfulWithRetry: successfulWithRetry.load(ordering: .relaxed),
      failedWithRetry: failedWithRetry.load(ordering: .relaxed),
      failedWithoutRetry: failedWithoutRetry.load(ordering: .relaxed),
      retries: retries.all, retriesAfter: retries.after,
      budgetDenied: budgetDenied.load(ordering: .relaxed),
      refused: refused.load(ordering: .relaxed))
  }
}

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
    package var budgetDenied = 0
  }
}

/// Lock-free, because every call counts.
final class RetryCounters: Sendable {
  enum Kind {
    case successfulWithoutRetry, successfulWithRetry, failedWithRetry, failedWithoutRetry
    case retry, budgetDenied
  }

  private let successfulWithoutRetry = Atomic(0)
  private let successfulWithRetry = Atomic(0)
  private let failedWithRetry = Atomic(0)
  private let failedWithoutRetry = Atomic(0)
  private let retries = Atomic(0)
  private let budgetDenied = Atomic(0)

  func count(_ kind: Kind) {
    switch kind {
    case .successfulWithoutRetry: successfulWithoutRetry.add(1, ordering: .relaxed)
    case .successfulWithRetry: successfulWithRetry.add(1, ordering: .relaxed)
    case .failedWithRetry: failedWithRetry.add(1, ordering: .relaxed)
    case .failedWithoutRetry: failedWithoutRetry.add(1, ordering: .relaxed)
    case .retry: retries.add(1, ordering: .relaxed)
    case .budgetDenied: budgetDenied.add(1, ordering: .relaxed)
    }
  }

  var totals: Retry.Totals {
    Retry.Totals(
      successfulWithoutRetry: successfulWithoutRetry.load(ordering: .relaxed),
      successfulWithRetry: successfulWithRetry.load(ordering: .relaxed),
      failedWithRetry: failedWithRetry.load(ordering: .relaxed),
      failedWithoutRetry: failedWithoutRetry.load(ordering: .relaxed),
      retries: retries.load(ordering: .relaxed),
      budgetDenied: budgetDenied.load(ordering: .relaxed))
  }
}

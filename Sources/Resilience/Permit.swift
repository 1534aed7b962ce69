/// The right to make one call through a circuit breaker, settled exactly once.
///
/// Dropping it releases it: breakers that trust callers to give permits back have all leaked
/// half-open ones and then refused for ever (resilience4j#935, Polly#1979, Hystrix#1621).
@usableFromInline
package struct Permit: ~Copyable, Sendable {
  private let breaker: CircuitBreaker
  private let admission: CircuitBreakerCore.Admission
  private let acquired: Int64
  /// Nanoseconds; a call that takes longer is slow.
  private let slowLimit: Int64
  private var isSettled = false

  init(
    _ breaker: CircuitBreaker, _ admission: CircuitBreakerCore.Admission, acquired: Int64,
    slowLimit: Int64
  ) {
    self.breaker = breaker
    self.admission = admission
    self.acquired = acquired
    self.slowLimit = slowLimit
  }

  deinit {
    if !isSettled { breaker.settle(admission, .ignored, acquired: acquired, slowLimit: slowLimit) }
  }

  package consuming func succeed() {
    isSettled = true
    breaker.settle(admission, .success, acquired: acquired, slowLimit: slowLimit)
  }

  /// - Parameters:
  ///   - error: its type is told to listeners, nothing else of it.
  ///   - unavailableFor: what a 503's Retry-After asked for; lengthens the next open wait, within
  ///     its cap.
  package consuming func fail(_ error: any Error, unavailableFor: Duration? = nil) {
    fail(
      errorClass: String(describing: type(of: error)), unavailableFor: unavailableFor,
      countsInRow: true)
  }

  /// The call says nothing about the upstream: it was cancelled, or rejected on our side.
  package consuming func ignore() {
    isSettled = true
    breaker.settle(admission, .ignored, acquired: acquired, slowLimit: slowLimit)
  }

  /// Whether the call has run for as long as a slow one.
  borrowing func isSlow(at now: MonotonicInstant) -> Bool {
    now.nanoseconds - acquired >= slowLimit
  }

  /// - Parameter countsInRow: whether it is one of the failures in a row that open the circuit by themselves;
  ///   it counts in the rates in any case.
  consuming func fail(
    errorClass: @autoclosure () -> String, unavailableFor: Duration?, countsInRow: Bool
  ) {
    isSettled = true
    breaker.settle(
      admission, .failure, acquired: acquired, slowLimit: slowLimit,
      unavailableFor: unavailableFor?.nanosecondsSaturated ?? 0, countsInRow: countsInRow,
      errorClass: errorClass())
  }
}

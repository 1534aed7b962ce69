/// The right to make one call through a circuit breaker, settled exactly once.
///
/// Dropping it releases it: breakers that trust callers to give permits back have all leaked
/// half-open ones and then refused for ever (resilience4j#935, Polly#1979, Hystrix#1621).
@usableFromInline
package struct Permit: ~Copyable, Sendable {
  private let breaker: CircuitBreaker
  private let admission: CircuitBreaker.Admission
  private var isSettled = false

  init(_ breaker: CircuitBreaker, _ admission: CircuitBreaker.Admission) {
    self.breaker = breaker
    self.admission = admission
  }

  deinit {
    if !isSettled { breaker.settle(admission, .ignored) }
  }

  package consuming func succeed() {
    isSettled = true
    breaker.settle(admission, .success)
  }

  /// - Parameters:
  ///   - error: its type is told to listeners, nothing else of it.
  ///   - unavailableFor: what a 503's Retry-After asked for; lengthens the next open wait, within
  ///     its cap.
  package consuming func fail(_ error: any Error, unavailableFor: Duration? = nil) {
    isSettled = true
    breaker.settle(
      admission, .failure, unavailableFor: unavailableFor?.nanosecondsSaturated ?? 0,
      errorClass: String(describing: type(of: error)))
  }

  /// The call says nothing about the upstream: it was cancelled, or rejected on our side.
  package consuming func ignore() {
    isSettled = true
    breaker.settle(admission, .ignored)
  }
}

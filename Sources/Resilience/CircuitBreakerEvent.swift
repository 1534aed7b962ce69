/// Something that happened to a circuit breaker, in the order in which it happened.
package struct CircuitBreakerEvent: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    case callSucceeded(duration: Duration, slow: Bool)
    /// `errorClass` is a type or a class of failure, never an error's text.
    case callFailed(duration: Duration, slow: Bool, errorClass: String)
    case callIgnored(duration: Duration)
    case callNotPermitted(state: CircuitBreaker.State)
    /// The results that led to it; `openFor` when the circuit is open now.
    case stateTransition(
      from: CircuitBreaker.State, to: CircuitBreaker.State, recorded: Int, failed: Int, slow: Int,
      openFor: Duration?)
    /// A threshold was reached; a `metricsOnly` breaker goes no further.
    case thresholdExceeded(recorded: Int, failed: Int, slow: Int, consecutiveFailures: Int)
    case reset

    /// Whether it is of a single call, and not of the circuit.
    var isOfCall: Bool {
      switch self {
      case .callSucceeded, .callFailed, .callIgnored, .callNotPermitted: true
      case .stateTransition, .thresholdExceeded, .reset: false
      }
    }
  }

  package let name: String
  package let instant: MonotonicInstant
  package let kind: Kind
}

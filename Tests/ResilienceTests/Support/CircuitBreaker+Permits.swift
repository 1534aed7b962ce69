import Resilience

extension CircuitBreaker.Totals {
  /// Permits in somebody's hands.
  var permitsOutstanding: Int { permitsIssued - permitsSettled }
}

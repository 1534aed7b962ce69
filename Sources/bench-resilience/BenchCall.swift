/// What is measured. Each runs an operation that does next to nothing, so that what is left over
/// `direct` is the policy's own.
enum BenchCall: String, CaseIterable {
  /// One reading of the monotonic clock, the unit that breakers are paid in.
  case clock
  /// The operation with nothing around it.
  case direct
  /// A closed circuit breaker, preset `.http`.
  case closed
  /// The same by its permit, without a closure.
  case permit
  /// An open one, whose refusal travels as a value.
  case open
  /// The same by its permit: the refusal is a typed throw.
  case refusal
  /// Retry with its budget; the first try succeeds.
  case retry
  /// All policies of the preset `.http`, inside a request that has a deadline.
  case stack
  /// The choice among 100 endpoints, and the end of its attempt.
  case pick
}

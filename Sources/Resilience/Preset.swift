/// Everything one upstream's pipeline is made of. nil leaves a policy out.
package struct Preset: Sendable, Equatable {
  package var circuitBreaker: CircuitBreakerConfig
  package var retry: RetryConfig
  package var attemptTimeout: Duration?
  package var totalDeadline: Duration?
  package var bulkhead: BulkheadConfig?
  package var rateLimiter: RateLimiterConfig?

  /// What services use.
  package static let http = Preset(
    circuitBreaker: .http, retry: .http, attemptTimeout: .seconds(2), totalDeadline: .seconds(5),
    bulkhead: .http, rateLimiter: nil)

  /// `ofDefaults()` of resilience4j's breaker and retry.
  package static let resilience4j = Preset(
    circuitBreaker: .resilience4j, retry: .resilience4j, attemptTimeout: nil, totalDeadline: nil,
    bulkhead: nil, rateLimiter: nil)
}

import Synchronization

/// The policies of a process by upstream: the same name gives the same object, so that every call to
/// an upstream meets one breaker. A breaker made per call could never open.
package struct ResilienceRegistry: Sendable {
  /// The process's own, on the real clock; what `resilientCall` uses.
  package static let shared = ResilienceRegistry()

  private final class Storage: Sendable {
    let circuitBreakers = Mutex<[String: CircuitBreaker]>([:])
    let retries = Mutex<[String: Retry]>([:])
    let bulkheads = Mutex<[String: Bulkhead]>([:])
    let rateLimiters = Mutex<[String: RateLimiter]>([:])
    let pipelines = Mutex<[String: ResiliencePipeline]>([:])
  }

  private let clock: any ResilienceClock
  private let random: RandomSource
  private let storage = Storage()

  package init(
    clock: any ResilienceClock = MonotonicClock(), random: RandomSource = RandomSource()
  ) {
    self.clock = clock
    self.random = random
  }

  /// - Parameter make: asked only when `name` is new; so for the others.
  package func circuitBreaker(
    _ name: String, _ make: () -> CircuitBreakerConfig = { .http }
  ) -> CircuitBreaker {
    storage.circuitBreakers.withLock { known in
      known.value(for: name) {
        CircuitBreaker(name: name, config: make(), clock: clock, random: random)
      }
    }
  }

  package func retry(_ name: String, _ make: () -> RetryConfig = { .http }) -> Retry {
    storage.retries.withLock { known in
      known.value(for: name) { Retry(name: name, config: make(), clock: clock, random: random) }
    }
  }

  package func bulkhead(_ name: String, _ make: () -> BulkheadConfig = { .http }) -> Bulkhead {
    storage.bulkheads.withLock { known in
      known.value(for: name) { Bulkhead(name: name, config: make(), clock: clock) }
    }
  }

  package func rateLimiter(_ name: String, _ make: () -> RateLimiterConfig) -> RateLimiter {
    storage.rateLimiters.withLock { known in
      known.value(for: name) { RateLimiter(name: name, config: make(), clock: clock) }
    }
  }

  /// All policies of an upstream. The first call for a name decides its preset.
  package func pipeline(_ upstream: String, preset: Preset = .http) -> ResiliencePipeline {
    storage.pipelines.withLock { known in
      known.value(for: upstream) {
        ResiliencePipeline(
          preset: preset,
          circuitBreaker: circuitBreaker(upstream) { preset.circuitBreaker },
          retry: retry(upstream) { preset.retry },
          bulkhead: preset.bulkhead.map { config in bulkhead(upstream) { config } },
          rateLimiter: preset.rateLimiter.map { config in rateLimiter(upstream) { config } },
          clock: clock)
      }
    }
  }

  /// Every retry policy made so far, by name, for metrics.
  package var retries: [Retry] {
    storage.retries.withLock { $0.values.sorted { $0.name < $1.name } }
  }
}

extension Dictionary {
  fileprivate mutating func value(for key: Key, _ make: () -> Value) -> Value {
    if let known = self[key] { return known }
    let made = make()
    self[key] = made
    return made
  }
}

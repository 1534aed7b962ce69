import Resilience
import Testing

@Suite("registry")
struct ResilienceRegistryTests {
  struct Failure: Error {}

  @Test("the same name gives the same object, and its settings are asked for once")
  func identity() throws {
    let registry = ResilienceRegistry()
    let config = try CircuitBreakerConfig.http.changing { $0.minimumCalls = 7 }
    let first = registry.circuitBreaker("payment") { config }
    let second = registry.circuitBreaker("payment") { .resilience4j }
    #expect(first === second)
    #expect(second.config.minimumCalls == 7)
    #expect(registry.pipeline("payment").circuitBreaker === first)
    #expect(registry.pipeline("order").circuitBreaker !== first)
    #expect(registry.retries.map(\.name) == ["order", "payment"])
  }

  @Test("the one-line call meets the upstream's breaker each time, so it can open")
  func oneLine() throws {
    let clock = ManualClock()
    let registry = ResilienceRegistry(clock: clock)
    for _ in 0..<5 {
      #expect(throws: Failure.self) {
        try clock.run {
          try await resilientCall("payment", idempotency: .unsafe, registry: registry) {
            throw Failure()
          }
        }
      }
    }
    #expect(throws: CallNotPermitted.self) {
      try clock.run { try await resilientCall("payment", registry: registry) { 1 } }
    }
    #expect(try clock.run { try await resilientCall("order", registry: registry) { 1 } } == 1)
  }

  @Test("the one-line call works without any argument")
  func bare() async throws {
    let answer = try await resilientCall { "fine" }
    #expect(answer == "fine")
  }
}

import Resilience
import Testing

@Suite("settings")
struct CircuitBreakerSettingsTests {
  @Test("all presets are within their own ranges")
  func presets() {
    #expect(CircuitBreakerSettings.http.faults == [])
    #expect(CircuitBreakerSettings.resilience4j.faults == [])
    #expect(RetrySettings.http.faults == [])
    #expect(RetrySettings.resilience4j.faults == [])
    #expect(BulkheadSettings.http.faults == [])
    #expect(BalancerSettings().faults == [])
  }

  @Test("a refusal names each field, its value and the allowed range")
  func refusal() {
    let error = #expect(throws: InvalidSettings.self) {
      try CircuitBreakerConfig.http.changing {
        $0.minimumCalls = 0
        $0.failureRateThreshold = 101
        $0.openWaitMax = .seconds(1)
      }
    }
    #expect(error?.faults.map(\.field) == ["minimumCalls", "failureRateThreshold", "openWaitMax"])
    #expect(
      error?.description.hasPrefix(
        "minimumCalls is 0, allowed: 1 to 1000000; failureRateThreshold is 101, allowed: 1 to 100")
        == true)
  }

  @Test("every number out of range is refused")
  func ranges() {
    let changes: [(inout CircuitBreakerSettings) -> Void] = [
      { $0.window = .count(0) }, { $0.window = .time(bucketWidth: .zero, buckets: 10) },
      { $0.window = .time(bucketWidth: .seconds(1), buckets: 0) }, { $0.minimumCalls = -1 },
      { $0.failureRateThreshold = 0 }, { $0.consecutiveFailuresMax = 0 },
      { $0.slowCall = .over(.zero) },
      { $0.slowCall = .overShareOfAttemptTimeout(percent: 0, otherwise: .seconds(1)) },
      { $0.slowCallRateThreshold = 101 }, { $0.openWait = .zero }, { $0.openWaitMultiplier = 0 },
      { $0.openWaitJitter = 101 }, { $0.halfOpenPermits = 0 }, { $0.halfOpenWaitMax = .zero },
      { $0.leaseMin = .zero },
    ]
    for change in changes {
      #expect(throws: InvalidSettings.self) { try CircuitBreakerConfig.http.changing(change) }
    }
  }
}

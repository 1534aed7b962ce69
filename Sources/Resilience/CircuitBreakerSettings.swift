/// When a circuit breaker trips and how it recovers.
package struct CircuitBreakerSettings: CheckableSettings {
  /// Which results count.
  package enum Window: Equatable, Sendable {
    case count(Int)
    /// A result is filed by the instant of its completion.
    case time(bucketWidth: Duration, buckets: Int)
  }

  /// Which calls are slow. Longer than the limit is slow, equal is not.
  package enum SlowCall: Equatable, Sendable {
    case never
    case over(Duration)
    /// A share of the call's own attempt timeout; `otherwise` for a call without one.
    case overShareOfAttemptTimeout(percent: Int, otherwise: Duration)
  }

  package var window: Window
  /// Rates are judged from this many results on. More than a count window holds means its size.
  package var minimumCalls: Int
  /// Per cent; reaching it trips.
  package var failureRateThreshold: Int
  /// Trips by itself, whatever the rates are; nil for never.
  package var consecutiveFailuresMax: Int?
  package var slowCall: SlowCall
  /// Per cent; reaching it trips.
  package var slowCallRateThreshold: Int
  /// How long the circuit stays open at first.
  package var openWait: Duration
  /// The wait grows by this factor with each reopening in a row.
  package var openWaitMultiplier: Int
  package var openWaitMax: Duration
  /// Per cent either way, after the cap.
  package var openWaitJitter: Int
  /// Whether the instant at which the wait ends still belongs to it, as in resilience4j.
  package var includesEndOfOpenWait: Bool
  /// Calls let through to try a half-open circuit.
  package var halfOpenPermits: Int
  /// After this long half open without a verdict the circuit opens again; nil for never.
  package var halfOpenWaitMax: Duration?
  /// Whether a half-open circuit decides as soon as the missing results cannot change the verdict.
  package var decidesEarly: Bool
  /// A half-open permit that is not settled within twice the call's attempt timeout, and at least
  /// this, counts as a failure.
  package var leaseMin: Duration

  /// What services use (resilience-and-discovery.md section 3): trips within seconds at low traffic
  /// too. It is back 15 s after the upstream at the latest: a wait, probes that all hang for 2 s, and
  /// one more wait are 14 s. For that the wait does not grow (decisions/circuits-back-in-15-s.md).
  package static let http = CircuitBreakerSettings(
    window: .time(bucketWidth: .seconds(1), buckets: 10), minimumCalls: 20,
    failureRateThreshold: 50, consecutiveFailuresMax: 5,
    slowCall: .overShareOfAttemptTimeout(percent: 80, otherwise: .milliseconds(1600)),
    slowCallRateThreshold: 80, openWait: .seconds(5), openWaitMultiplier: 1,
    openWaitMax: .seconds(5), openWaitJitter: 20, includesEndOfOpenWait: false,
    halfOpenPermits: 3, halfOpenWaitMax: .seconds(10), decidesEarly: true, leaseMin: .seconds(10))

  /// `CircuitBreakerConfig.ofDefaults()` of resilience4j 2.
  package static let resilience4j = CircuitBreakerSettings(
    window: .count(100), minimumCalls: 100, failureRateThreshold: 50, consecutiveFailuresMax: nil,
    slowCall: .over(.seconds(60)), slowCallRateThreshold: 100, openWait: .seconds(60),
    openWaitMultiplier: 1, openWaitMax: .seconds(60), openWaitJitter: 0,
    includesEndOfOpenWait: true, halfOpenPermits: 10, halfOpenWaitMax: nil, decidesEarly: false,
    leaseMin: .seconds(10))

  /// Whether `minimumCalls` asks for more than the count window holds, and is therefore cut to it.
  package var isMinimumCallsCut: Bool {
    if case .count(let size) = window { minimumCalls > size } else { false }
  }

  package var faults: [SettingFault] {
    var faults: [SettingFault] = []
    func check<Value: Comparable>(_ field: String, _ value: Value, _ range: ClosedRange<Value>) {
      faults += SettingFault.unless(field, value, in: range)
    }
    let durations: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)
    switch window {
    case .count(let size): check("window.count", size, 1...1_000_000)
    case .time(let bucketWidth, let buckets):
      check("window.bucketWidth", bucketWidth, durations)
      check("window.buckets", buckets, 1...1_000)
    }
    check("minimumCalls", minimumCalls, 1...1_000_000)
    check("failureRateThreshold", failureRateThreshold, 1...100)
    if let consecutiveFailuresMax {
      check("consecutiveFailuresMax", consecutiveFailuresMax, 1...1_000_000)
    }
    switch slowCall {
    case .never: break
    case .over(let limit): check("slowCall.over", limit, durations)
    case .overShareOfAttemptTimeout(let percent, let otherwise):
      check("slowCall.percent", percent, 1...100)
      check("slowCall.otherwise", otherwise, durations)
    }
    check("slowCallRateThreshold", slowCallRateThreshold, 1...100)
    check("openWait", openWait, durations)
    check("openWaitMultiplier", openWaitMultiplier, 1...100)
    check(
      "openWaitMax", openWaitMax,
      max(openWait, durations.lowerBound)...max(openWait, durations.upperBound))
    check("openWaitJitter", openWaitJitter, 0...100)
    check("halfOpenPermits", halfOpenPermits, 1...1_000)
    if let halfOpenWaitMax { check("halfOpenWaitMax", halfOpenWaitMax, durations) }
    check("leaseMin", leaseMin, durations)
    return faults
  }
}

package typealias CircuitBreakerConfig = Checked<CircuitBreakerSettings>

extension Checked where Settings == CircuitBreakerSettings {
  package static var http: Self { Checked(preset: .http) }
  package static var resilience4j: Self { Checked(preset: .resilience4j) }
}

/// How often and after which waits a failed attempt is repeated.
package struct RetrySettings: CheckableSettings {
  package enum Backoff: Equatable, Sendable {
    case fixed(Duration)
    /// A random wait from zero to `base * 2^(n-1)`, at most `cap`, after attempt n.
    case fullJitter(base: Duration, cap: Duration)
  }

  /// In total, the first one included.
  package var attemptsMax: Int
  package var backoff: Backoff
  /// Retrying stops when less than this would remain of the deadline after the wait.
  package var minimumUseful: Duration
  /// Whether a refusal of the circuit breaker is tried again, as resilience4j does.
  package var retriesCallNotPermitted: Bool
  package var budget: Budget?

  /// Bounds retries by calls: `percent` of them, plus a reserve of `minPerSecond * ttl`.
  package struct Budget: Equatable, Sendable {
    package var percent: Int
    package var minPerSecond: Int
    /// For how long a call entitles to retries.
    package var ttl: Duration

    package init(percent: Int, minPerSecond: Int, ttl: Duration) {
      self.percent = percent
      self.minPerSecond = minPerSecond
      self.ttl = ttl
    }
  }

  /// What services use (resilience-and-discovery.md section 3).
  package static let http = RetrySettings(
    attemptsMax: 3, backoff: .fullJitter(base: .milliseconds(50), cap: .seconds(1)),
    minimumUseful: .milliseconds(5), retriesCallNotPermitted: false,
    budget: Budget(percent: 20, minPerSecond: 3, ttl: .seconds(10)))

  /// `RetryConfig.ofDefaults()` of resilience4j 2.
  package static let resilience4j = RetrySettings(
    attemptsMax: 3, backoff: .fixed(.milliseconds(500)), minimumUseful: .milliseconds(5),
    retriesCallNotPermitted: true, budget: nil)

  package var faults: [SettingFault] {
    var faults = SettingFault.unless("attemptsMax", attemptsMax, in: 1...100)
    let waits: ClosedRange<Duration> = .zero ... .seconds(86_400)
    switch backoff {
    case .fixed(let wait): faults += SettingFault.unless("backoff.fixed", wait, in: waits)
    case .fullJitter(let base, let cap):
      faults += SettingFault.unless("backoff.base", base, in: waits)
      faults += SettingFault.unless("backoff.cap", cap, in: waits)
    }
    faults += SettingFault.unless("minimumUseful", minimumUseful, in: waits)
    if let budget {
      faults += SettingFault.unless("budget.percent", budget.percent, in: 0...1_000)
      faults += SettingFault.unless("budget.minPerSecond", budget.minPerSecond, in: 0...1_000_000)
      faults += SettingFault.unless(
        "budget.ttl", budget.ttl, in: .milliseconds(10) ... .seconds(3_600))
    }
    return faults
  }
}

package typealias RetryConfig = Checked<RetrySettings>

extension Checked where Settings == RetrySettings {
  package static var http: Self { Checked(preset: .http) }
  package static var resilience4j: Self { Checked(preset: .resilience4j) }
}

/// A rate of calls.
package struct RateLimiterSettings: CheckableSettings {
  package var perSecond: Int
  /// Calls that may come at once after a quiet time.
  package var burst: Int
  /// How long a call may wait for its turn; zero: refuse at once.
  package var waitMax: Duration
  package var waitersMax: Int

  package init(perSecond: Int, burst: Int, waitMax: Duration = .zero, waitersMax: Int = 256) {
    self.perSecond = perSecond
    self.burst = burst
    self.waitMax = waitMax
    self.waitersMax = waitersMax
  }

  package var faults: [SettingFault] {
    SettingFault.unless("perSecond", perSecond, in: 1...1_000_000_000)
      + SettingFault.unless("burst", burst, in: 1...1_000_000_000)
      + SettingFault.unless("waitMax", waitMax, in: .zero ... .seconds(3_600))
      + SettingFault.unless("waitersMax", waitersMax, in: 0...100_000)
  }
}

package typealias RateLimiterConfig = Checked<RateLimiterSettings>

/// How many calls run at once, how many wait, and for how long.
package struct BulkheadSettings: CheckableSettings {
  package var concurrentMax: Int
  package var waitersMax: Int
  /// Zero: never wait.
  package var waitMax: Duration

  /// What services use (resilience-and-discovery.md section 3): the queue carries a burst of 200.
  package static let http = BulkheadSettings(
    concurrentMax: 64, waitersMax: 256, waitMax: .seconds(1))

  package init(concurrentMax: Int, waitersMax: Int, waitMax: Duration) {
    self.concurrentMax = concurrentMax
    self.waitersMax = waitersMax
    self.waitMax = waitMax
  }

  package var faults: [SettingFault] {
    SettingFault.unless("concurrentMax", concurrentMax, in: 1...100_000)
      + SettingFault.unless("waitersMax", waitersMax, in: 0...100_000)
      + SettingFault.unless("waitMax", waitMax, in: .zero ... .seconds(3_600))
  }
}

package typealias BulkheadConfig = Checked<BulkheadSettings>

extension Checked where Settings == BulkheadSettings {
  package static var http: Self { Checked(preset: .http) }
}

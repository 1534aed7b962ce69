/// How endpoints are scored, and when one is put aside.
package struct BalancerSettings: CheckableSettings {
  /// After this time an old latency weighs 1/e.
  package var latencyDecay: Duration = .seconds(10)
  /// Assumed of an endpoint without history when no peer has one either.
  package var latencyAssumed: Duration = .milliseconds(1)
  /// A new or restored endpoint reaches its full share after this time.
  package var slowStart: Duration = .seconds(10)
  /// Failures in a row that eject.
  package var failuresMax = 5
  /// Connections in a row that were refused, or broke before the answer, that eject: the process is gone.
  package var connectionLossesMax = 2
  /// The first ejection's time; the n-th lasts n times as long, and each clean period of this length
  /// forgives one.
  package var ejectionBase: Duration = .seconds(10)
  package var ejectionMax: Duration = .seconds(300)
  /// Per cent, upwards.
  package var ejectionJitter = 10
  /// Per cent of the endpoints that may be ejected, the candidate included.
  package var ejectedShareMax = 50
  /// Per cent; with fewer healthy endpoints than this, ejections are ignored.
  package var panicShare = 50
  /// A removed endpoint that comes back within this time is remembered.
  package var memory: Duration = .seconds(10)

  package init() {}

  package var faults: [SettingFault] {
    let times: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)
    return SettingFault.unless("latencyDecay", latencyDecay, in: times)
      + SettingFault.unless("latencyAssumed", latencyAssumed, in: times)
      + SettingFault.unless("slowStart", slowStart, in: times)
      + SettingFault.unless("failuresMax", failuresMax, in: 1...1_000)
      + SettingFault.unless("connectionLossesMax", connectionLossesMax, in: 1...1_000)
      + SettingFault.unless("ejectionBase", ejectionBase, in: times)
      + SettingFault.unless("ejectionMax", ejectionMax, in: times)
      + SettingFault.unless("ejectionJitter", ejectionJitter, in: 0...100)
      + SettingFault.unless("ejectedShareMax", ejectedShareMax, in: 0...100)
      + SettingFault.unless("panicShare", panicShare, in: 0...100)
      + SettingFault.unless("memory", memory, in: times)
  }
}

package typealias BalancerConfig = Checked<BalancerSettings>

extension Checked where Settings == BalancerSettings {
  package static var http: Self { Checked(preset: BalancerSettings()) }
}

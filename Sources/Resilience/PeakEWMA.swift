import Glibc

/// A moving average of latencies that jumps to a peak at once and decays from it slowly (Finagle's
/// PeakEwma). Read without new samples it decays too, or a slow endpoint were never tried again.
struct PeakEWMA: Sendable {
  /// Below this, latency says less than the calls in flight.
  private static let floor: Double = 1_000

  private var average: Double
  private var updated: Int64

  /// - Parameter initial: nanoseconds.
  init(initial: Double, at now: Int64) {
    average = initial
    updated = now
  }

  /// - Parameter tau: nanoseconds after which an old sample's weight is 1/e.
  mutating func observe(_ latency: Int64, tau: Double, at now: Int64) {
    let sample = Double(latency)
    if sample > average {
      average = sample
    } else {
      let weight = decay(tau: tau, at: now)
      average = average * weight + sample * (1 - weight)
    }
    updated = max(updated, now)
  }

  /// Nanoseconds, at least a microsecond.
  func value(tau: Double, at now: Int64) -> Double {
    max(Self.floor, average * decay(tau: tau, at: now))
  }

  private func decay(tau: Double, at now: Int64) -> Double {
    let age = Double(max(0, now - updated)) / tau
    // Of an endpoint in use the age is some milliseconds of ten seconds: the series is exact to 10^-9 there,
    // and takes a tenth of the time.
    return age < 0.01 ? 1 - age * (1 - age * (0.5 - age / 6)) : exp(-age)
  }
}

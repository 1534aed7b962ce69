import Foundation

/// What load came to.
struct LoadReport: Encodable, Sendable {
  /// Milliseconds, by quantile.
  struct Latencies: Encodable, Sendable {
    let count: UInt64
    let mean: Double
    let p50: Double
    let p90: Double
    let p99: Double
    let p999: Double
    let max: Double

    init(_ histogram: LatencyHistogram) {
      count = histogram.count
      mean = Self.milliseconds(histogram.mean)
      p50 = Self.milliseconds(histogram.value(at: 0.5))
      p90 = Self.milliseconds(histogram.value(at: 0.9))
      p99 = Self.milliseconds(histogram.value(at: 0.99))
      p999 = Self.milliseconds(histogram.value(at: 0.999))
      max = Self.milliseconds(histogram.max)
    }

    private static func milliseconds(_ duration: Duration) -> Double {
      (duration / .microseconds(1)).rounded() / 1000
    }

    var text: String {
      [("mean", mean), ("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)]
        .map { "\($0.0) \(decimal($0.1))" }.joined(separator: "  ")
    }
  }

  /// What this run's idempotency keys begin with.
  let run: String
  /// nil when there was none: each buyer bought back to back.
  let ratePerSecond: Double?
  let seconds: Double
  let buyers: Int
  let seed: UInt64
  let purchases: Int
  /// From the first due to the last answer.
  let tookSeconds: Double
  /// Checkouts answered each second of that time.
  let answeredPerSecond: Double
  /// How many answers of each kind.
  let outcomes: [String: Int]
  /// All answers, from when each was due.
  let latency: Latencies
  /// Of the confirmed alone.
  let confirmedLatency: Latencies
  /// How late checkouts began because all buyers were waiting.
  let lateness: Latencies
  /// The first answers that were neither goods nor a business refusal.
  let troubles: [String]

  static let troublesMax = 5

  init(
    _ visits: [OpenLoop.Visit<CheckoutAnswer>], run: String, rate: Double?, duration: Duration,
    buyers: Int, seed: UInt64, took: Duration
  ) {
    self.run = run
    ratePerSecond = rate
    seconds = duration / .seconds(1)
    self.buyers = buyers
    self.seed = seed
    purchases = visits.count
    tookSeconds = max(took / .seconds(1), 0.001)
    answeredPerSecond = Double(visits.count) / tookSeconds
    outcomes = visits.reduce(into: [:]) { $0[$1.outcome.kind.rawValue, default: 0] += 1 }
    var all = LatencyHistogram()
    var confirmed = LatencyHistogram()
    var late = LatencyHistogram()
    for visit in visits {
      all.record(visit.latency)
      late.record(visit.lateness)
      if visit.outcome.kind == .confirmed { confirmed.record(visit.latency) }
    }
    latency = Latencies(all)
    confirmedLatency = Latencies(confirmed)
    lateness = Latencies(late)
    troubles = Array(
      visits.lazy.filter { [.refused, .unavailable, .noAnswer].contains($0.outcome.kind) }
        .map(\.outcome.note).prefix(Self.troublesMax))
  }

  /// For people.
  var text: String {
    let counted = CheckoutAnswer.Kind.allCases.compactMap { kind in
      outcomes[kind.rawValue].map { "\($0) \(kind.rawValue)" }
    }
    let answered =
      "  answered: \(decimal(answeredPerSecond))/s; "
      + (counted.isEmpty ? "none" : counted.joined(separator: ", "))
    let times = ["    all        \(latency.text)", "    confirmed  \(confirmedLatency.text)"]
    let lines: [String]
    if let ratePerSecond {
      lines =
        [
          "\(purchases) checkouts due at \(decimal(ratePerSecond))/s for \(decimal(seconds)) s,"
            + " at most \(buyers) at once, seed \(seed)",
          answered, "  milliseconds from when each was due to its answer:",
        ] + times + ["  of which waiting for a free buyer:", "    all        \(lateness.text)"]
    } else {
      lines =
        [
          "\(purchases) checkouts by \(buyers) buyers back to back for \(decimal(seconds)) s,"
            + " seed \(seed)",
          answered, "  milliseconds to the answer:",
        ] + times
    }
    return (lines + troubles.map { "  first troubles: \($0)" }).joined(separator: "\n")
  }
}

/// At most three digits behind the point, and none that say nothing.
private func decimal(_ number: Double) -> String {
  let thousandths = Int((number * 1000).rounded())
  let (whole, rest) = (thousandths / 1000, abs(thousandths % 1000))
  guard rest > 0 else { return "\(whole)" }
  let digits = String(rest + 1000).dropFirst()
  return "\(whole)." + String(digits.reversed().drop { $0 == "0" }.reversed())
}

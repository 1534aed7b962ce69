/// What a chaos run did, what its customers saw, and what was true in the end.
struct ChaosReport: Encodable, Sendable {
  let seed: UInt64
  let seconds: Double
  /// Blows that hit, by kind; a fault hits when a service takes its rule.
  let blows: [String: Int]
  let customers: Int
  /// Checkouts sent, repetitions included.
  let tries: Int
  let endings: [String: Int]
  /// What was not ready again, or still moved, when its time was over.
  let restless: [String]
  let secondsToRest: Double
  /// Where what customers were told is not what the database has.
  let differences: [String]
  let verification: Verification

  static let differencesMax = 20

  var isGood: Bool {
    unproven.isEmpty && restless.isEmpty && differences.isEmpty && unanswered == 0
      && verification.holds
  }

  /// Customers, or staff for them, who asked until their patience was over and were never told how it ended.
  var unanswered: Int {
    let open: [Shopper.Experience.Ending] = [.undecided, .cancelling, .following]
    return open.reduce(0) { $0 + (endings[$1.rawValue] ?? 0) }
  }

  /// Why nothing has been proven, though nothing is wrong.
  var unproven: [String] {
    var reasons: [String] = []
    if blows.isEmpty { reasons.append("nothing was done to it") }
    if endings[Shopper.Experience.Ending.confirmed.rawValue] == nil {
      reasons.append("no customer was told of a confirmed order")
    }
    return reasons + verification.unproven
  }

  /// For people.
  var text: String {
    let hits = blows.values.reduce(0, +)
    var lines = [
      "seed \(seed), \(Int(seconds)) s",
      "  done to it: \(hits) blows: "
        + blows.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\($0.value) x \($0.key)" }.joined(separator: ", "),
      "  \(customers) customers sent \(tries) checkouts: "
        + Shopper.Experience.Ending.allCases.compactMap { ending in
          endings[ending.rawValue].map { "\($0) \(ending.rawValue)" }
        }.joined(separator: ", "),
    ]
    if restless.isEmpty {
      lines.append("  at rest \(Int(secondsToRest.rounded())) s after the last blow")
    } else {
      lines.append("  NOT at rest \(Int(secondsToRest.rounded())) s after the last blow:")
      lines += restless.prefix(Self.differencesMax).map { "    \($0)" }
    }
    if unanswered > 0 { lines.append("  \(unanswered) were never told how it ended") }
    lines.append("  customers were told what is not so: \(differences.count) times")
    lines += differences.prefix(Self.differencesMax).map { "    \($0)" }
    lines.append(verification.text)
    lines += unproven.map { "  nothing proven: \($0)" }
    lines.append(isGood ? "chaos: passed" : "chaos: FAILED; the same plan again: --seed \(seed)")
    return lines.joined(separator: "\n")
  }
}

import SharedKernel

/// What goes wrong when a named point is passed (the contract, section 7.3). For drills and tests alone.
///
///     {"point": "saga.S2.after", "action": "kill", "nth": [3]}
///     {"point": "http.response", "match": {"path": "/internal/payments"}, "action": "delay 200", "every": 5, "seed": 7}
package struct FaultRule: Decodable, Sendable {
  /// What has to be so besides, of those given all; a point that has no such fact does not match.
  package struct Match: Codable, Hashable, Sendable {
    /// The beginning of a request's path; of a provider's operation its kind.
    package var path: String?
    /// `Name: value` of a request.
    package var header: String?
    /// A request's idempotency key.
    package var key: String?
  }

  /// One of `FaultPoints.names`; `check` refuses others.
  package let point: String
  /// Empty, as when it is left out, for every pass.
  package let match: Match
  /// What happens at the passes that `nth` or `every` tells, or at all that match.
  package let action: FaultAction
  /// At which passes that match, counted from 1 for each rule.
  package let nth: [Int]?
  /// At each so-many-th pass that matches; with a seed at one of so many, drawn from it.
  package let every: Int?
  /// From which `every` is drawn; nil counts instead.
  package let seed: UInt64?
  /// How often at most.
  package let times: Int?

  static let nthMax = 100
  static let countMax = 1_000_000

  private enum CodingKeys: String, CodingKey {
    case point, match, action, nth, every, seed, times
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    point = try values.decode(String.self, forKey: .point)
    match = try values.decodeIfPresent(Match.self, forKey: .match) ?? Match()
    let text = try values.decode(String.self, forKey: .action)
    guard let action = FaultAction(text) else {
      throw DecodingError.dataCorruptedError(
        forKey: .action, in: values,
        debugDescription: "must be one of: delay MILLISECONDS, status CODE, drop, truncate, kill")
    }
    self.action = action
    nth = try values.decodeIfPresent([Int].self, forKey: .nth)
    every = try values.decodeIfPresent(Int.self, forKey: .every)
    seed = try values.decodeIfPresent(Int64.self, forKey: .seed).map { UInt64(bitPattern: $0) }
    times = try values.decodeIfPresent(Int.self, forKey: .times)
  }

  /// - Throws: `ValidationFailure` with every fault.
  func check(points: [String]) throws(ValidationFailure) {
    var validation = Validation()
    validation.require(
      points.contains(point), "/point", "unknown",
      "must be one of: \(points.joined(separator: ", "))")
    validation.require(
      nth == nil || every == nil, "/every", "one_of", "must not be given beside nth")
    if let nth {
      validation.require(
        (1...Self.nthMax).contains(nth.count) && nth.allSatisfy((1...Self.countMax).contains),
        "/nth",
        "out_of_range", "must be 1 to \(Self.nthMax) numbers from 1 to \(Self.countMax)")
    }
    for (pointer, number) in [("/every", every), ("/times", times)] {
      validation.require(
        number.map((1...Self.countMax).contains) ?? true, pointer, "out_of_range",
        "must be 1 to \(Self.countMax)")
    }
    try validation.finish()
  }
}

/// What a fault does.
package enum FaultAction: Hashable, Sendable {
  /// Nothing else, but later.
  case delay(Duration)
  /// Answer this status in place of what would have been; elsewhere than in HTTP an error.
  case status(Int)
  /// No answer: the connection breaks. Elsewhere than in HTTP an error.
  case drop
  /// Half an answer; elsewhere than in HTTP an error.
  case truncate
  /// SIGKILL to the own process: it does not come back from the point.
  case kill

  private static let delayMillisecondsMax = 60_000

  /// nil for what is no action.
  package init?(_ text: String) {
    let words = text.split(separator: " ")
    let number = words.count == 2 ? Int(words[1]) : nil
    switch (words.first, number) {
    case ("delay", let milliseconds?) where (0...Self.delayMillisecondsMax).contains(milliseconds):
      self = .delay(.milliseconds(milliseconds))
    case ("status", let code?) where (400...599).contains(code): self = .status(code)
    case ("drop", nil) where words.count == 1: self = .drop
    case ("truncate", nil) where words.count == 1: self = .truncate
    case ("kill", nil) where words.count == 1: self = .kill
    case _: return nil
    }
  }
}

extension FaultAction: CustomStringConvertible {
  package var description: String {
    switch self {
    case .delay(let time): "delay \(Int(time / .milliseconds(1)))"
    case .status(let code): "status \(code)"
    case .drop: "drop"
    case .truncate: "truncate"
    case .kill: "kill"
    }
  }
}

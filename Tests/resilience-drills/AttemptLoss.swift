import Resilience

/// The attempts that a caller lost with one instance, as the caller's circuit breaker counts them.
struct AttemptLoss {
  /// Attempts of each caller that may fail before it ejects the instance.
  static let beforeEjectionMax = 2

  struct Failure: CustomStringConvertible {
    let errorClass: String
    let after: Duration

    var description: String { "\(errorClass) after \(after)" }
  }

  /// The failures that the ejection followed from. What breaks after it is no news, and ignored.
  let beforeEjection: Int
  /// Sent before the ejection and broken after it. No call of these drills is ignored otherwise.
  let underWay: Int
  /// Why those before the ejection failed.
  let reasons: [Failure]

  /// Runs `body`, in which an instance goes, beside calls under `breaker`, which has seen no
  /// failure yet.
  static func during(
    _ breaker: CircuitBreaker, _ body: () async throws -> Void
  ) async throws -> AttemptLoss {
    let events = breaker.events
    let reasons = Task {
      var reasons: [Failure] = []
      for await event in events {
        guard case .callFailed(let duration, _, let errorClass) = event.kind else { continue }
        reasons.append(Failure(errorClass: errorClass, after: duration))
      }
      return reasons
    }
    defer { reasons.cancel() }
    try await body()
    reasons.cancel()
    let totals = breaker.snapshot.totals
    return AttemptLoss(
      beforeEjection: totals.failed, underWay: totals.ignored, reasons: await reasons.value)
  }
}

extension Drill {
  /// What `losses` say: the most before an ejection, for which reasons, and what was under way.
  func findings(_ losses: [AttemptLoss]) -> [Finding] {
    let most = losses.map(\.beforeEjection).max() ?? 0
    let reasons = Dictionary(grouping: losses.flatMap(\.reasons), by: \.errorClass)
      .map { "\($0.value.count) \($0.key)" }.sorted()
    let tooMany = losses.filter { $0.beforeEjection > AttemptLoss.beforeEjectionMax }.map(\.reasons)
    let underWay = losses.map(\.underWay).sorted()
    return [
      finding(
        "attempts that failed until the instance was ejected",
        "most \(most) of \(losses.count) kills (\(reasons.joined(separator: ", ")))"
          + (tooMany.isEmpty ? "" : "; too many: \(tooMany)"),
        bound: "\(AttemptLoss.beforeEjectionMax)", most <= AttemptLoss.beforeEjectionMax),
      finding(
        "attempts under way to it then, which broke too and were made elsewhere",
        "median \(underWay[underWay.count / 2]), most \(underWay.last ?? 0)", bound: "-", true),
    ]
  }
}

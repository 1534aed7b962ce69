import EventLoops

/// One line of the table: what was done to the shop, what came of it, and what may.
struct Finding: Sendable {
  let drill: String
  let what: String
  let measured: String
  let bound: String
  let isGood: Bool

  /// Lines of Markdown, in columns.
  static func table(_ findings: [Finding]) -> String {
    let head = ["drill", "what", "measured", "bound", ""]
    let cells = findings.map {
      [$0.drill, $0.what, $0.measured, $0.bound, $0.isGood ? "ok" : "MISSED"]
    }
    let widths = head.indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
    func line(_ row: [String]) -> String {
      let padded = zip(row, widths).map { text, width in
        text + String(repeating: " ", count: width - text.count)
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    let rule =
      "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|"
    return ([line(head), rule] + cells.map(line)).joined(separator: "\n")
  }
}

/// Times of many rounds.
struct Series: Sendable {
  private(set) var times: [Duration] = []

  mutating func add(_ time: Duration) { times.append(time) }

  var longest: Duration { times.max() ?? .zero }
  var shortest: Duration { times.min() ?? .zero }

  /// The time that `share` of them do not exceed.
  func quantile(_ share: Double) -> Duration {
    let sorted = times.sorted()
    guard !sorted.isEmpty else { return .zero }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }

  /// "median 12, p99 20, most 22 ms of 100".
  var text: String {
    let figures = [
      ("median", quantile(0.5)), ("p99", quantile(0.99)), ("most", longest),
    ].map { "\($0.0) \(milliseconds($0.1))" }
    return figures.joined(separator: ", ") + " ms of \(times.count)"
  }
}

/// With a tenth, as text.
func milliseconds(_ duration: Duration) -> String {
  let tenths = Int((duration / .microseconds(100)).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}

/// Why a drill cannot be held at all.
struct Trouble: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Looks every `pace` until `condition` holds.
///
/// - Returns: how long that took.
/// - Throws: `Trouble` after `limit`.
@discardableResult
func wait(
  for what: String, atMost limit: Duration, pace: Duration = .milliseconds(5), on loop: EventLoop,
  _ condition: () async throws -> Bool
) async throws -> Duration {
  let began = MonotonicTime.now()
  while try await !condition() {
    guard MonotonicTime.now() - began < limit else {
      throw Trouble("\(what) did not come within \(limit)")
    }
    try await loop.sleep(for: pace)
  }
  return MonotonicTime.now() - began
}

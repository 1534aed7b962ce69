/// How the cases of a kill matrix ended, by service and flow.
struct MatrixTally: Sendable {
  private struct Cell: Hashable {
    let service: String
    let flow: KillMatrix.Flow
  }

  private struct Count {
    var survived = 0
    var notPassed = 0
    var failed = 0
  }

  private var counts: [Cell: Count] = [:]

  mutating func note(_ outcome: KillMatrix.Outcome, of test: KillMatrix.Case) {
    let cell = Cell(service: test.service, flow: test.flow)
    switch outcome {
    case .survived: counts[cell, default: Count()].survived += 1
    case .notPassed: counts[cell, default: Count()].notPassed += 1
    case .failed: counts[cell, default: Count()].failed += 1
    }
  }

  var survived: Int { counts.values.reduce(0) { $0 + $1.survived } }
  var notPassed: Int { counts.values.reduce(0) { $0 + $1.notPassed } }
  var failed: Int { counts.values.reduce(0) { $0 + $1.failed } }

  /// The deaths that were survived by service and flow, as a table of Markdown, and all in a sentence.
  var text: String {
    let flows = KillMatrix.Flow.allCases
    var lines = [
      "| deaths survived | \(flows.map(\.rawValue).joined(separator: " | ")) |",
      "|---|" + flows.map { _ in "---|" }.joined(),
    ]
    for service in ServiceEntry.all.map(\.short) {
      let cells = flows.map { flow in
        counts[Cell(service: service, flow: flow)].map { count in
          count.failed == 0
            ? "\(count.survived)" : "\(count.survived), and \(count.failed) failed"
        } ?? "-"
      }
      lines.append("| \(service) | \(cells.joined(separator: " | ")) |")
    }
    lines.append("")
    lines.append(
      "\(survived + notPassed + failed) cases: \(survived) died there and all holds,"
        + " \(notPassed) do not come by their point, \(failed) failed.")
    return lines.joined(separator: "\n")
  }
}

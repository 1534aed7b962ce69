import Foundation
import Synchronization

/// The figures of the fault tests, for people: docs/postgres-faults.md from its marker on.
enum FaultTable {
  private static let path = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../docs/postgres-faults.md").standardizedFileURL
  private static let marker = "<!-- written by a run -->\n"

  // To write it: SHOP_WRITE_DOCUMENTS=yes ./shop test --filter FaultTests
  private static let isWritten =
    ProcessInfo.processInfo.environment["SHOP_WRITE_DOCUMENTS"] != nil

  /// How often each fault is done.
  static let repetitions = isWritten ? 5 : 1

  private struct MarkerMissing: Error {}

  private static let columns: [(title: String, endings: Set<Ending>)] = [
    ("answered", [.answered]), ("refused", [.refused]), ("not sent", [.notSent]),
    ("connection lost", [.connectionLost]), ("unknown outcome", [.unknownOutcome]),
    ("timed out", [.timedOut, .poolExhausted]),
  ]

  private static let outcomes = Mutex<[Fault: [FaultRun.Outcome]]>([:])

  /// Notes the runs of one fault; writes the document after the last.
  static func add(_ runs: [FaultRun.Outcome], of fault: Fault) throws {
    let all = outcomes.withLock { outcomes in
      outcomes[fault] = runs
      return outcomes
    }
    print(row(of: fault, runs))
    guard isWritten, all.count == Fault.allCases.count else { return }
    let rows = Fault.allCases.map { row(of: $0, all[$0] ?? []) + "\n" }.joined()
    let titles = ["fault", "calls in flight"] + columns.map(\.title) + ["time to recover"]
    let heading =
      "| \(titles.joined(separator: " | ")) |\n" + String(repeating: "|---", count: titles.count)
      + "|\n"
    try (document().text + "\n" + heading + rows)
      .write(to: path, atomically: true, encoding: .utf8)
  }

  /// The faults that the document has rows of, in their order there.
  static func documentedFaults() throws -> [String] {
    let rows = try document().table.split(separator: "\n").dropFirst(2)
    return rows.compactMap { row in
      row.split(separator: "|").first?.trimmingCharacters(in: .whitespaces)
    }
  }

  /// What people wrote, marker included, and what a run wrote below it.
  private static func document() throws -> (text: Substring, table: Substring) {
    let document = try String(contentsOf: path, encoding: .utf8)
    guard let head = document.range(of: marker) else { throw MarkerMissing() }
    return (document[..<head.upperBound], document[head.upperBound...])
  }

  private static func row(of fault: Fault, _ runs: [FaultRun.Outcome]) -> String {
    let sorted = runs.sorted { $0.recovery < $1.recovery }
    guard let least = sorted.first, let most = sorted.last else { return "" }
    let median = sorted[sorted.count / 2]
    let inFlight = median.inFlight.values.reduce(0, +)
    let later = median.later.values.reduce(0, +)
    let cells = columns.map { column in
      cell(
        column.endings.reduce(0) { $0 + median.inFlight[$1, default: 0] },
        column.endings.reduce(0) { $0 + median.later[$1, default: 0] })
    }
    let recovery =
      "\(seconds(median.recovery)) (\(seconds(least.recovery)) to \(seconds(most.recovery)))"
    let row = [fault.testDescription, cell(inFlight, later)] + cells + [recovery]
    return "| \(row.joined(separator: " | ")) |"
  }

  private static func cell(_ inFlight: Int, _ later: Int) -> String {
    inFlight + later == 0 ? "" : "\(inFlight) + \(later)"
  }

  private static func seconds(_ duration: Duration) -> String {
    String(format: "%.2f s", duration / .seconds(1))
  }
}

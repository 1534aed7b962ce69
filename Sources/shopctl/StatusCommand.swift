import ArgumentParser
import Foundation

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what runs, and where.",
    discussion: """
      The exit status is 0 when everything is ready, 1 when something is not, 3 when nothing runs.

      Examples:
        ./shop status
        ./shop status --json
      """)

  @OptionGroup var copy: CopyOptions

  @Flag(help: "One JSON object, for scripts.")
  var json = false

  func run() async throws {
    let state = copy.state
    guard let plan = Plan.read(state) else { return try sayNothingRuns(state) }
    let report = await StatusReport.make(state: state, plan: plan)
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.dateEncodingStrategy = .iso8601
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else if !report.running {
      return try sayNothingRuns(state)
    } else {
      print(report.table)
      if !report.remarks.isEmpty {
        print("\n" + report.remarks.map { "  \($0)" }.joined(separator: "\n"))
      }
    }
    if !report.running { throw ExitCode(3) }
    if !report.isReady { throw ExitCode(1) }
  }

  private func sayNothingRuns(_ state: StateDirectory) throws {
    if json {
      print(#"{"running": false, "services": []}"#)
    } else {
      print("The shop does not run here. Start it: ./shop up\(copy.words)")
      let folder = (state.path as NSString).deletingLastPathComponent
      // Folders that cannot be listed hold no copy of ours.
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for name in names.sorted() {
        let other = StateDirectory(existing: "\(folder)/\(name)")
        if SupervisorRecord.living(other) != nil, let plan = Plan.read(other) {
          print(
            "  Another copy runs: \(name), products at http://127.0.0.1:\(plan.ports["product"])")
        }
      }
    }
    throw ExitCode(3)
  }
}

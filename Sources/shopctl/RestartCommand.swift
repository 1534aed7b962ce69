import ArgumentParser
import Foundation

struct Restart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts one service anew, in order: it finishes what it does first.",
    discussion: """
      After an edit ./shop restart builds first. The others keep running.

      Example:
        ./shop restart order
      """)

  @OptionGroup var copy: CopyOptions

  @Argument(help: "The service: product, order, user, payment or notification.")
  var service: String

  func run() async throws {
    let state = copy.state
    let entry = try ServiceEntry.named(service)
    guard let supervisor = SupervisorRecord.living(state) else {
      throw Trouble("the shop does not run here.", next: ["Start it: ./shop up\(copy.words)"])
    }
    let path = state.recordPath(entry.short)
    let before = PrivateFile.read(ProcessRecord.self, from: path)
    try await Progress().step("\(entry.short) started anew") {
      try PrivateFile.write(Data(), to: "\(state.runPath)/\(entry.short).restart")
      supervisor.process.send(SIGHUP)
      let deadline =
        ContinuousClock.now + SupervisedProcess.stopGrace + StartSequence.readyWithin
      var lacking = "the old one has not ended"
      while ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(100))
        guard let now = PrivateFile.read(ProcessRecord.self, from: path),
          now.restarts > before?.restarts ?? -1
        else { continue }
        guard let problem = await Readiness.service(now) else { return }
        lacking = problem
        if now.failures >= 2 { break }
      }
      throw Trouble(
        "\(entry.short) did not come back: \(lacking).",
        evidence: LogTail.last(8, of: state.logPath(entry.short)),
        next: ["All of it: ./shop logs \(entry.short)\(copy.words)"])
    }
  }
}

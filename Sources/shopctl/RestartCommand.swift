import ArgumentParser
import Foundation

struct Restart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts one service anew, in order: it finishes what it does first.",
    discussion: """
      After an edit ./shop restart builds first. The others keep running. Several instances of a \
      service follow one another, each when the one before is ready.

      Examples:
        ./shop restart order
        ./shop restart order-2
      """)

  @OptionGroup var copy: CopyOptions

  @Argument(
    help: "The service (product, order, user, payment, notification), or one instance of it.")
  var service: String

  func run() async throws {
    let state = copy.state
    guard let supervisor = SupervisorRecord.living(state), let plan = Plan.read(state) else {
      throw Trouble("the shop does not run here.", next: ["Start it: ./shop up\(copy.words)"])
    }
    for instance in try plan.ports.instances(called: service) {
      try await restart(instance.name, supervisor, state)
    }
  }

  private func restart(
    _ name: String, _ supervisor: SupervisorRecord, _ state: StateDirectory
  ) async throws {
    let path = state.recordPath(name)
    let before = PrivateFile.read(ProcessRecord.self, from: path)
    try await Progress().step("\(name) started anew") {
      try PrivateFile.write(Data(), to: "\(state.runPath)/\(name).restart")
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
        "\(name) did not come back: \(lacking).",
        evidence: LogTail.last(8, of: state.logPath(name)),
        next: ["All of it: ./shop logs \(name)\(copy.words)"])
    }
  }
}

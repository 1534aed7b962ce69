import ArgumentParser
import Foundation

struct MatrixCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matrix",
    abstract:
      "Kills each service at each of its named fault points, while somebody buys, cancels, ships or refunds.",
    discussion: """
      Starts a copy of its own. In each case one service dies (SIGKILL) at one point; it is started again, \
      all must come to rest within 60 s, I1 to I11 must hold, the customer must have got what was asked \
      for, and the same key again must be the same order. With CAPTURE_MODE=manual money is taken with each \
      shipment (saga.F1) instead of with the checkout (saga.S4).

      The exit status is 0 when all cases hold. Then the copy is removed.

      Examples:
        ./shop matrix                       all of it; 440 cases, half an hour
        ./shop matrix --part 1/8            every eighth case
        ./shop matrix --only saga.S2
        CAPTURE_MODE=manual ./shop matrix --only 'ship, '
      """)

  @OptionGroup var copy: CopyOptions
  @OptionGroup var program: ProgramOptions

  @Option(help: ArgumentHelp("Every N-th case, from the K-th on.", valueName: "K/N"))
  var part: String?

  @Option(help: ArgumentHelp("Only the cases whose line holds this.", valueName: "TEXT"))
  var only: String?

  @Flag(
    name: .customLong("all-die"),
    help: "Fail where a case does not come by its point, instead of telling so.")
  var allDie = false

  private var share: (first: Int, step: Int)? {
    guard let part else { return (0, 1) }
    let numbers = part.split(separator: "/").compactMap { Int($0) }
    guard numbers.count == 2, numbers[1] >= 1, (1...numbers[1]).contains(numbers[0]) else {
      return nil
    }
    return (numbers[0] - 1, numbers[1])
  }

  func validate() throws {
    if share == nil {
      throw ValidationError("--part \(part ?? ""): expected K/N with K from 1 to N")
    }
  }

  mutating func run() async throws {
    copy.portsFrom = copy.portsFrom ?? Chaos.portsFromStandard
    let progress = Progress()
    let drill = DrillCopy(copy: copy, programs: program.programs, progress: progress)
    let running = try await drill.start()
    let matrix = MatrixRun(
      copy: running, admin: try Site.of(running.plan, state: running.state).admin)
    let share = share ?? (0, 1)
    let chosen = try await matrix.prepare().enumerated().filter { index, test in
      index % share.step == share.first && (only.map { "\(test)".contains($0) } ?? true)
    }
    guard !chosen.isEmpty else {
      try await drill.remove()
      throw Trouble(
        "there is no such case.", evidence: [only.map { "--only '\($0)'" }].compactMap(\.self),
        next: ["A case's line reads: checkout, order dies at saga.S2.after, pass 1"])
    }
    var tally = MatrixTally()
    for (index, test) in chosen {
      let began = ContinuousClock.now
      let outcome = await matrix.run(test, index: index)
      let tenths = Int((ContinuousClock.now - began) / .milliseconds(100))
      let time = "\(tenths / 10).\(tenths % 10) s"
      tally.note(outcome, of: test)
      switch outcome {
      case .notPassed where allDie:
        progress.say("  !! \(test): not passed  \(time)")
      case .survived:
        progress.say("  ok \(test)  \(time)")
      case .notPassed:
        progress.say("  -- \(test): not passed  \(time)")
      case .failed(let faults):
        progress.say("  !! \(test)  \(time)")
        for fault in faults { progress.say("       \(fault)") }
      }
    }
    print(tally.text)
    guard tally.failed == 0 else {
      print("  It still runs. Look at it: ./shop verify\(copy.words)")
      throw ExitCode(1)
    }
    try await drill.remove()
    // Nothing was proven.
    guard tally.survived > 0, !allDie || tally.survived == chosen.count else { throw ExitCode(1) }
  }
}

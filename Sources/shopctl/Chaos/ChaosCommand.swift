import ArgumentParser
import Foundation

struct Chaos: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Kills and stops parts of a shop that is being bought from, then verifies it.",
    discussion: """
      Starts a copy of its own, with deadlines of seconds, and lets customers buy from it who ask again \
      until they have an answer. Meanwhile services are killed and stopped, Consul is killed and \
      PostgreSQL restarted, and calls, answers, commits and the provider go wrong at named points, by a \
      plan drawn from the seed. Then it waits until nothing moves, verifies \
      I1 to I11, and compares what customers were told with the database.

      The exit status is 0 when all holds. Then the copy is removed; otherwise it is left running to be \
      looked at.

      Examples:
        ./shop chaos --seed 7 --minutes 2
        ./shop chaos --minutes 10 --rate 20 --database-kills 5
        ./shop chaos --seed 7 --minutes 2 --plan     only says what it would do
      """)

  static let portsFromStandard = 26_000
  static let minutesMax = 240.0
  static let rateMax = 500.0
  static let databaseKillsMax = 100

  @OptionGroup var copy: CopyOptions
  @OptionGroup var program: ProgramOptions

  @Option(help: ArgumentHelp("Draws the plan; by default another each time.", valueName: "N"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("How long things are done to it.", valueName: "M"))
  var minutes = 1.0

  @Option(help: ArgumentHelp("Customers on average each second.", valueName: "N"))
  var rate = 10.0

  @Option(help: ArgumentHelp("Customers at once.", valueName: "B"))
  var buyers = 200

  @Option(
    name: .customLong("database-kills"),
    help: ArgumentHelp("SIGKILLs of PostgreSQL, spread over the run.", valueName: "N"))
  var databaseKills = 0

  @Flag(help: "Only say what would be done.")
  var plan = false

  @Flag(help: "Say each blow as it is done.")
  var verbose = false

  @Flag(help: "Leave the copy running when all holds, too.")
  var keep = false

  @Flag(help: "The report as one JSON object.")
  var json = false

  func validate() throws {
    guard minutes > 0, minutes <= Self.minutesMax else {
      throw ValidationError("--minutes \(minutes): expected more than 0, up to \(Self.minutesMax)")
    }
    guard rate > 0, rate <= Self.rateMax else {
      throw ValidationError("--rate \(rate): expected more than 0, up to \(Self.rateMax) a second")
    }
    guard (1...Load.buyersMax).contains(buyers) else {
      throw ValidationError("--buyers \(buyers): expected 1 to \(Load.buyersMax)")
    }
    guard (0...Self.databaseKillsMax).contains(databaseKills) else {
      throw ValidationError(
        "--database-kills \(databaseKills): expected 0 to \(Self.databaseKillsMax)")
    }
  }

  mutating func run() async throws {
    copy.portsFrom = copy.portsFrom ?? Self.portsFromStandard
    let chaos = ChaosPlan(
      seed: seed ?? UInt64.random(in: 1...999_999), duration: .seconds(minutes * 60),
      databaseKills: databaseKills)
    if plan {
      for step in chaos.steps { print(Self.line(step.at, step.blow, true)) }
      return print("seed \(chaos.seed): \(chaos.steps.count) blows in \(minutes) minutes")
    }
    let progress = Progress()
    let isVerbose = verbose
    let drill = DrillCopy(copy: copy, programs: program.programs, progress: progress)
    let running = try await drill.start()
    progress.say("  chaos for \(minutes) minutes, seed \(chaos.seed)")
    let report = try await ChaosRun(
      copy: running, admin: try Site.of(running.plan, state: running.state).admin, chaos: chaos,
      rate: rate, buyers: buyers, progress: progress
    ) { time, blow, hasHit in
      if isVerbose { progress.say(Self.line(time, blow, hasHit)) }
    }.run()
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      print(report.text)
    }
    guard report.isGood else {
      print(
        "  It still runs. Look at it: ./shop verify\(copy.words); end it: ./shop down --data\(copy.words)"
      )
      throw ExitCode(1)
    }
    if !keep { try await drill.remove() }
  }

  private static func line(_ time: Duration, _ blow: Blow, _ hasHit: Bool) -> String {
    let tenths = Int(time / .milliseconds(100))
    return "  \(tenths / 10).\(tenths % 10) s  \(blow)\(hasHit ? "" : " (it was down already)")"
  }
}

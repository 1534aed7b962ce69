import ArgumentParser
import Foundation

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Lets the services read all events again, and compares what they make of them.",
    discussion: """
      What services made of others' events alone (notices, webhook deliveries, orders' figures \
      of payments) is put aside and emptied, and all feeds are read from their beginning by the \
      running services. Nothing is sent again: notices and deliveries of events that were told before are \
      `replayed`. The shop must be at rest, with nothing waiting to be sent.

      The exit status is 0 when all is as it was. Otherwise what was there before is left in the \
      schema `replay` of the database.

      Examples:
        ./shop replay
        ./shop replay --wait 600 --json
      """)

  static let waitMax = 24 * 3600

  @OptionGroup var copy: CopyOptions

  @Flag(help: "One JSON object, for scripts.")
  var json = false

  @Option(help: ArgumentHelp("How long the reading may take.", valueName: "SECONDS"))
  var wait = 120

  func validate() throws {
    guard (1...Self.waitMax).contains(wait) else {
      throw ValidationError("--wait \(wait): expected 1 to \(Self.waitMax) seconds")
    }
  }

  func run() async throws {
    let report = try await Replay(admin: try Site.current(copy).admin).run(within: .seconds(wait))
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    } else {
      print(report.text)
    }
    if !report.isEqual { throw ExitCode(1) }
  }
}

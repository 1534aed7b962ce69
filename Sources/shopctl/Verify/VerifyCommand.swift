import ArgumentParser
import Foundation

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks the invariants I1 to I11 across all services' data.",
    discussion: """
      All of it is read in one transaction that sees one instant of the five schemas and of the \
      provider simulator's. A rule about something that this version does not have is not applicable; \
      one that found no row to look at says so. I11 holds only at rest: while somebody buys, say how \
      long to wait.

      The exit status is 0 when nothing is violated, 1 when something is or could not be looked at.

      Examples:
        ./shop verify
        ./shop verify --wait 60
        ./shop verify --json --show 100
      """)

  /// The longest that `--wait` may ask for, in seconds.
  static let waitMax = 3600
  static let shownMax = 10_000

  @OptionGroup var copy: CopyOptions

  @Flag(help: "One JSON object, for scripts.")
  var json = false

  @Option(
    help: ArgumentHelp("First wait until nothing moves any more, so long.", valueName: "SECONDS"))
  var wait = 0

  @Option(help: ArgumentHelp("Violations of each rule that are shown.", valueName: "N"))
  var show = 5

  func validate() throws {
    guard (0...Self.waitMax).contains(wait) else {
      throw ValidationError("--wait \(wait): expected 0 to \(Self.waitMax) seconds")
    }
    guard (1...Self.shownMax).contains(show) else {
      throw ValidationError("--show \(show): expected 1 to \(Self.shownMax)")
    }
  }

  func run() async throws {
    let site = try Site.current(copy)
    if wait > 0 { _ = await AtRest(admin: site.admin).wait(atMost: .seconds(wait)) }
    let shown = show
    let found = try await site.admin.snapshot {
      try await Verification(Check.all, in: $0, shownMax: shown)
    }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(found), as: UTF8.self))
    } else {
      print(found.text)
      if !found.holds { print(hints(found, site).map { "  \($0)" }.joined(separator: "\n")) }
    }
    if !found.holds { throw ExitCode(1) }
  }

  private func hints(_ found: Verification, _ site: Site) -> [String] {
    var hints: [String] = []
    let passwords = copy.state.passwordFilePath
    if FileManager.default.fileExists(atPath: passwords) {
      let reader = site.database.with(user: Roles.auditor, password: "").safeText
      hints.append("SQL to look at it is for: PGPASSFILE=\(passwords) psql \(reader)")
    }
    if found.holdsApartFromRest, wait == 0 {
      hints.append(
        "Only rest is missing. If orders are under way: ./shop verify --wait 60\(copy.words)")
    }
    return hints
  }
}

import ArgumentParser
import Foundation

struct Logs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows what the services say.",
    discussion: """
      Names besides the services': consul, postgres, supervisor (starts and ends). Of several \
      instances, order shows all and order-2 the second.

      Examples:
        ./shop logs order
        ./shop logs -f
        ./shop logs -n 200 supervisor
      """)

  @OptionGroup var copy: CopyOptions

  @Flag(name: .shortAndLong, help: "Go on as lines are written, until Ctrl-C.")
  var follow = false

  @Option(name: [.customShort("n"), .long], help: "How many lines of each to begin with.")
  var lines = 40

  @Argument(help: "A service or one instance of it; all when none is named.")
  var name: String?

  func run() async throws {
    let state = copy.state
    let files = try paths(state).filter { FileManager.default.fileExists(atPath: $0.path) }
    guard !files.isEmpty else {
      throw Trouble(
        "there is nothing logged yet.", evidence: [state.logsPath],
        next: ["Start the shop: ./shop up\(copy.words)"])
    }
    let width = files.map(\.name.count).max() ?? 0
    let showsNames = files.count > 1
    for file in files {
      for line in LogTail.last(lines, of: file.path) { show(line, file.name, width, showsNames) }
    }
    guard follow else { return }
    var tails = files.map { (file: $0, tail: LogFollower($0.path)) }
    while true {
      for index in tails.indices {
        for line in tails[index].tail.newLines() {
          show(line, tails[index].file.name, width, showsNames)
        }
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  private func paths(_ state: StateDirectory) throws -> [(name: String, path: String)] {
    let plan = Plan.read(state)
    let ports = try plan?.ports ?? Ports(from: nil)
    // The database's folder may have been put elsewhere.
    let databasePath = plan?.databasePath ?? state.databasePath
    let names =
      switch name {
      case nil: ports.instances.map(\.name) + ["supervisor"]
      case "postgres": [String]()
      case "consul", "supervisor": [name!]
      case .some(let word): try ports.instances(called: word).map(\.name)
      }
    return names.isEmpty
      ? [("postgres", databasePath + "/postgres.log")] : names.map { ($0, state.logPath($0)) }
  }

  private func show(_ line: String, _ name: String, _ width: Int, _ showsName: Bool) {
    print(
      showsName ? name + String(repeating: " ", count: width - name.count) + " | " + line : line)
    fflush(nil)
  }
}

/// The lines that are added to a file, from now on.
struct LogFollower {
  private let path: String
  private var offset: UInt64
  private var rest = Data()

  init(_ path: String) {
    self.path = path
    offset = Self.length(path)
  }

  /// Whole lines that came since the last call. A file that became shorter is read from its start.
  mutating func newLines() -> [String] {
    let length = Self.length(path)
    if length < offset { (offset, rest) = (0, Data()) }
    guard length > offset, let file = FileHandle(forReadingAtPath: path) else { return [] }
    // What cannot be read now is read at the next call.
    try? file.seek(toOffset: offset)
    guard let data = try? file.read(upToCount: 1 << 20) else { return [] }
    offset += UInt64(data.count)
    rest.append(data)
    guard let end = rest.lastIndex(of: 0x0A) else { return [] }
    let whole = String(decoding: rest[..<end], as: UTF8.self)
    rest = Data(rest[rest.index(after: end)...])
    return whole.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private static func length(_ path: String) -> UInt64 {
    var facts = stat()
    return stat(path, &facts) == 0 ? UInt64(facts.st_size) : 0
  }
}

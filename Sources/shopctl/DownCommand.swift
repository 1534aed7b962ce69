import ArgumentParser
import Foundation

struct Down: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Stops everything; the data stays.",
    discussion: """
      Examples:
        ./shop down
        ./shop down --data          asks, then removes database, keys and logs as well
        ./shop down --data --yes
      """)

  @OptionGroup var copy: CopyOptions

  @Flag(help: "Remove the data, keys and logs as well.")
  var data = false

  @Flag(help: "Do not ask.")
  var yes = false

  func run() async throws {
    let state = copy.state
    guard FileManager.default.fileExists(atPath: state.path) else {
      print("The shop does not run here, and there is no data.")
      return
    }
    let databasePath = Plan.read(state)?.databasePath ?? state.databasePath
    if data, !yes { try ask(state, databasePath) }
    let lock = try StateLock(state)
    let found = try await Shutdown(state: state, progress: Progress()).run()
    if data {
      for path in [databasePath, state.path] where FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
      print("The shop is down, and its data is gone.")
    } else {
      print(found ? "The shop is down; its data is kept." : "The shop does not run here.")
    }
    withExtendedLifetime(lock) {}
  }

  private func ask(_ state: StateDirectory, _ databasePath: String) throws {
    guard isatty(STDIN_FILENO) == 1 else {
      throw Trouble(
        "--data removes the database, and there is nobody to ask.",
        evidence: [databasePath], next: ["Say so at once: ./shop down --data --yes\(copy.words)"])
    }
    print("Remove the database, keys and logs below \(state.path)? Type yes: ", terminator: "")
    fflush(nil)
    guard readLine() == "yes" else {
      print("Nothing was removed, and nothing stopped.")
      throw ExitCode.failure
    }
  }
}

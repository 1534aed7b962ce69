import ArgumentParser
import Foundation

/// The shop's tool. `./shop X` builds what is missing and ends here.
@main
struct Shopctl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "./shop",
    abstract: "Runs the shop on this machine.",
    discussion: """
      Everything listens on 127.0.0.1 only. Data, keys and logs are kept per checkout: below \
      /var/lib/shop as root, below ~/.local/state/shop otherwise.

      Examples:
        ./shop up
        ./shop up --ports-from 20000 --port order=9082
        ./shop logs -f order
      """,
    subcommands: [
      Up.self, Status.self, Logs.self, Restart.self, Down.self, Verify.self,
      OrderCommand.self, ReplayCommand.self, Load.self, Chaos.self, MatrixCommand.self,
      SeedCommand.self, MigrateCommand.self, RolesCommand.self, KeysCommand.self,
      SetupCommand.self, Supervise.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let trouble as Trouble {
      FileHandle.standardError.write(Data((trouble.text + "\n").utf8))
      exit(withError: ExitCode.failure)
    } catch {
      exit(withError: error)
    }
  }
}

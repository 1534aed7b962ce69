import ArgumentParser
import Foundation

struct OrderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "order",
    abstract: "Tells all that happened to one order, in the order of time.",
    discussion: """
      States, steps of its sagas and what went wrong in them, stock, operations of its payment, what \
      the provider remembers, ledger, events and notices: of all services, from one snapshot. Names, \
      addresses and card tokens are left out.

      Examples:
        ./shop order 10001
        ./shop order 10001 --json
      """)

  @OptionGroup var copy: CopyOptions

  @Argument(help: "The order's number, or its id.")
  var order: String

  @Flag(help: "One JSON object, for scripts.")
  var json = false

  func run() async throws {
    let name = order
    let history = try await Site.current(copy).admin.snapshot {
      try await OrderHistory(of: name, in: $0)
    }
    guard json else { return print(history.text) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(history), as: UTF8.self))
  }
}

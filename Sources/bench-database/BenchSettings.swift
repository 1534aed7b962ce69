import Glibc

/// What the command line and the environment say.
struct BenchSettings {
  var scenario = BenchScenario.item
  var seconds = 3
  /// Run before the clock starts: connections are opened, statements prepared, caches filled.
  var warmUpMilliseconds = 500
  /// Tasks that each wait for an answer before they ask again.
  var callers = 64
  /// Products in the table, numbered from 1.
  var products = 100_000
  /// Connections of each loop for reads and for writes; nil: what services have.
  var readConnections: Int?
  var writeConnections: Int?
  var loops = 1
  var databaseURL = ""

  /// - Returns: nil for arguments that are none, or without DATABASE_URL.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { return nil }
      if name == "--scenario" {
        guard let scenario = BenchScenario(rawValue: value) else { return nil }
        self.scenario = scenario
        continue
      }
      guard let number = Int(value), (1...1_000_000).contains(number) else { return nil }
      switch name {
      case "--seconds": seconds = number
      case "--callers": callers = number
      case "--products": products = number
      case "--read-connections": readConnections = number
      case "--write-connections": writeConnections = number
      default: return nil
      }
    }
    guard let url = getenv("DATABASE_URL") else { return nil }
    databaseURL = String(cString: url)
    loops = getenv("THREADS").flatMap { Int(String(cString: $0)) } ?? 1
  }
}

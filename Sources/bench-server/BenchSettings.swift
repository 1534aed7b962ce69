import CoreHTTP
import Glibc

/// What the command line and the environment say.
struct BenchSettings {
  var host = "127.0.0.1"
  var port: UInt16 = 8080
  /// Answers as a service does; see `BenchRoutes`.
  var isService = false
  /// nil: one for each processor.
  var loops: Int?
  var limits = HTTPLimits()

  /// - Returns: nil for arguments that are none.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let name = rest.popFirst() {
      if name == "--service" {
        isService = true
        continue
      }
      switch (name, rest.popFirst()) {
      case ("--host", let value?): host = value
      case ("--port", let value?):
        guard let number = UInt16(value) else { return nil }
        port = number
      case ("--limit", let value?):
        let pair = value.split(separator: "=", maxSplits: 1)
        guard pair.count == 2, let number = Int(pair[1]), number > 0,
          setLimit(String(pair[0]), number)
        else { return nil }
      default: return nil
      }
    }
    loops = getenv("THREADS").flatMap { Int(String(cString: $0)) }
  }
}

extension BenchSettings {
  /// What a load test may set shorter; times in milliseconds.
  static let limitNames = ["head-ms", "body-ms", "write-stall-ms", "idle-ms", "linger-ms"]

  /// - Returns: whether there is such a limit.
  private mutating func setLimit(_ name: String, _ number: Int) -> Bool {
    switch name {
    case "head-ms": limits.headTimeMax = .milliseconds(number)
    case "body-ms": limits.bodyTimeMax = .milliseconds(number)
    case "write-stall-ms": limits.writeStallTimeMax = .milliseconds(number)
    case "idle-ms": limits.idleTimeMax = .milliseconds(number)
    case "linger-ms": limits.lingerTimeMax = .milliseconds(number)
    default: return false
    }
    return true
  }
}

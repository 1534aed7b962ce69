import Logging

/// The log level that Consul's store may say while the service runs, under `order-service/log-level`;
/// that of the settings while there is none.
struct RunTimeLogLevel: Sendable {
  let service: String
  let level: LogLevel
  /// LOG_LEVEL's.
  let standard: Logger.Level
  let logger: Logger

  var key: String { "\(service)/log-level" }

  /// Takes the key's value. One that is no level changes nothing, and is told.
  func take(_ value: String?) {
    guard let wanted = value.map({ Logger.Level(rawValue: $0.lowercased()) }) ?? standard else {
      logger.warning(
        "no log level: the present one stays",
        metadata: [
          "key": "\(key)", "value": "\((value ?? "").prefix(40))",
          "expected": "\(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))",
        ])
      return
    }
    guard wanted != level.current else { return }
    level.current = wanted
    logger.notice("log level changed", metadata: ["key": "\(key)", "level": "\(wanted.rawValue)"])
  }
}

import Glibc
package import Logging
import Synchronization

/// The level of all loggers of the process; it may be changed while they are in use.
package final class LogLevel: Sendable {
  private let index: Atomic<Int>

  /// - Parameter level: until `current` is set.
  package init(_ level: Logger.Level) {
    index = Atomic(Self.index(of: level))
  }

  /// What is logged from now on, by every logger that has no level of its own.
  package var current: Logger.Level {
    get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
    set { index.store(Self.index(of: newValue), ordering: .relaxed) }
  }

  private static func index(of level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }
}

/// Sends everything that is logged in this process to standard output: JSON lines, or text for a
/// person when that is a terminal. Call it once, before the first logger is made.
///
/// - Parameters:
///   - service: what `service` says in each line.
///   - metadataProvider: adds `traceId`, `spanId`, `requestId` of the request at hand.
/// - Returns: the level, to be changed by `PUT /admin/log-level`.
package func startLogging(
  service: String, level: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil
) -> LogLevel {
  // Otherwise a reader of the log that goes away takes the service with it.
  signal(SIGPIPE, SIG_IGN)
  let common = LogLevel(level)
  let isTerminal = LogOutput.standardOutput.isTerminal
  LoggingSystem.bootstrap(
    { _, provider in
      if isTerminal {
        return ConsoleLogHandler(service: service, level: common, metadataProvider: provider)
      }
      return JSONLogHandler(service: service, level: common, metadataProvider: provider)
    }, metadataProvider: metadataProvider)
  return common
}

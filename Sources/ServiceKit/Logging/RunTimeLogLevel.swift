import Logging
import SharedKernel
import Synchronization

/// The log level while the service runs: what an administrator asked for, for a while; else what
/// Consul's store says under `order-service/log-level`; else that of the settings.
final class RunTimeLogLevel: Sendable {
  /// How long what an administrator asks for stays.
  static let loanLife: Duration = .seconds(15 * 60)

  private struct State {
    var standing: Logger.Level
    var loan: (level: Logger.Level, until: ContinuousClock.Instant)?
  }

  private let service: String
  private let level: LogLevel
  /// LOG_LEVEL's.
  private let standard: Logger.Level
  private let logger: Logger
  private let state: Mutex<State>

  init(service: String, level: LogLevel, standard: Logger.Level, logger: Logger) {
    self.service = service
    self.level = level
    self.standard = standard
    self.logger = logger
    state = Mutex(State(standing: level.current))
  }

  var key: String { "\(service)/log-level" }

  /// - Throws: `ValidationFailure` for a name that is no level.
  static func level(_ name: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: name.lowercased()) else {
      let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationFailure("/level", "invalid", "must be one of \(names)")
    }
    return level
  }

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
    state.withLock { $0.standing = wanted }
    apply()
  }

  /// Sets the level for `loanLife`.
  ///
  /// - Returns: until when.
  func lend(_ wanted: Logger.Level, at now: ContinuousClock.Instant = .now) -> Timestamp {
    state.withLock { $0.loan = (wanted, now + Self.loanLife) }
    apply(at: now)
    return .now() + Self.loanLife
  }

  /// Takes back what was lent for long enough.
  func apply(at now: ContinuousClock.Instant = .now) {
    let wanted = state.withLock { state in
      if let loan = state.loan, loan.until <= now { state.loan = nil }
      return state.loan?.level ?? state.standing
    }
    guard wanted != level.current else { return }
    level.current = wanted
    logger.notice("log level changed", metadata: ["level": "\(wanted.rawValue)"])
  }

  var worker: Worker {
    Worker("log-level") {
      while true {
        try await Task.sleep(for: .seconds(5))
        self.apply()
      }
    }
  }
}

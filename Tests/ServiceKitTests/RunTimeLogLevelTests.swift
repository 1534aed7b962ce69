import Logging
import SharedKernel
import Testing

@testable import ServiceKit

struct RunTimeLogLevelTests {
  private let level = LogLevel(.info)
  private var setting: RunTimeLogLevel {
    RunTimeLogLevel(
      service: "order-service", level: level, standard: .info,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  @Test("a level takes effect, and the settings' own comes back with the key's end")
  func changes() {
    setting.take("DEBUG")
    #expect(level.current == .debug)
    setting.take(nil)
    #expect(level.current == .info)
  }

  @Test("what is no level leaves the last one in use", arguments: ["", "loud", "debug "])
  func invalid(value: String) {
    setting.take("trace")
    setting.take(value)
    #expect(level.current == .trace)
  }

  @Test("a level that was asked for stays a quarter of an hour, whatever Consul says meanwhile")
  func lent() throws {
    let setting = setting
    let start = ContinuousClock.now
    _ = setting.lend(.trace, at: start)
    #expect(level.current == .trace)
    setting.take("warning")
    #expect(level.current == .trace)
    setting.apply(at: start + .seconds(899))
    #expect(level.current == .trace)
    setting.apply(at: start + .seconds(900))
    #expect(level.current == .warning)
    #expect(try RunTimeLogLevel.level("DEBUG") == .debug)
    #expect(throws: ValidationFailure.self) { try RunTimeLogLevel.level("loud") }
  }

  @Test("each service has a key of its own")
  func key() {
    #expect(setting.key == "order-service/log-level")
  }
}

import HTTPMessages
import Logging
import ServiceKit
import Testing

@Suite("Settings")
struct SettingsTests {
  static let enough = [
    "DATABASE_URL": "postgresql://order_app:hunter2@127.0.0.1:15432/ecommerce_db",
    "KEYS_DIRECTORY": "/keys",
  ]

  func settings(
    _ more: [String: String] = [:], for purpose: Settings.Purpose = .serve
  ) throws -> Settings {
    try Settings(
      environment: Self.enough.merging(more) { _, new in new }, for: purpose, portDefault: 8082)
  }

  func faults(_ more: [String: String], for purpose: Settings.Purpose = .serve) -> [String] {
    do {
      _ = try settings(more, for: purpose)
      return []
    } catch let failure as SettingsFailure {
      return failure.faults.map(\.key)
    } catch {
      return ["\(error)"]
    }
  }

  @Test("a service starts with a database and its keys, all else has defaults")
  func defaults() throws {
    let settings = try settings()
    #expect(settings.environment == .development)
    #expect(settings.host == "127.0.0.1")
    #expect(settings.advertisedHost == "127.0.0.1")
    #expect(settings.port == 8082)
    #expect(settings.discovery == .consul)
    #expect(settings.logLevel == .info)
    #expect(settings.usesPreparedStatements)
    #expect(settings.rateLimitPerSecond == 0)
    #expect(settings.shutdownGrace == .seconds(15))
    #expect(settings.metricsToken == nil)
    #expect(try settings.databaseURL == Self.enough["DATABASE_URL"])
  }

  @Test("what is set is read")
  func values() throws {
    let settings = try settings([
      "HTTP_HOST": "0.0.0.0", "HTTP_PORT": "9000", "LOG_LEVEL": "debug", "DB_PREPARED": "off",
      "DB_REPORT_TIMEOUT": "2m", "DISCOVERY": "static", "EVENT_LOOPS": "4",
      "SHUTDOWN_GRACE": "500ms",
      "STATIC_PEERS": "product-service=127.0.0.1:8081, user-service=::1:8083,user-service=[::1]:1",
      "CONSUL_HTTP_ADDR": "127.0.0.1:8500", "TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16",
      "SMTP_URL": "",
    ])
    #expect(settings.advertisedHost == nil)
    #expect(settings.port == 9000)
    #expect(settings.logLevel == .debug)
    #expect(!settings.usesPreparedStatements)
    #expect(settings.reportTimeout == .seconds(120))
    #expect(settings.eventLoops == 4)
    #expect(settings.shutdownGrace == .milliseconds(500))
    #expect(settings.staticPeers["product-service"] == [.init(host: "127.0.0.1", port: 8081)])
    #expect(
      settings.staticPeers["user-service"]
        == [.init(host: "::1", port: 8083), .init(host: "::1", port: 1)])
    #expect(settings.consulEnvironment == ["CONSUL_HTTP_ADDR": "127.0.0.1:8500"])
    var forwarded = HTTPRequest(.get, "/", fields: ["X-Forwarded-For": "192.0.2.7"])
    forwarded.peer = PeerAddress("10.1.2.3")
    #expect(settings.trustedProxies.client(of: forwarded)?.description == "192.0.2.7")
    #expect(settings.text("SMTP_URL") == nil)
  }

  @Test("every fault is in one list, and no secret is in its text")
  func allFaults() {
    let environment = [
      "HTTP_PORT": "80x", "LOG_LEVEL": "loud", "DISCOVERY": "magic", "EVENT_LOOPS": "-1",
      "DB_PREPARED": "maybe", "SHUTDOWN_GRACE": "soon", "STATIC_PEERS": "product-service",
      "TRUSTED_PROXIES": "10.0.0.0/33", "DATABASE_URL": "mysql://root:hunter2@db/shop",
    ]
    do {
      _ = try Settings(environment: environment, portDefault: 8082)
      Issue.record("these settings were accepted")
    } catch {
      #expect(
        Set(error.faults.map(\.key)) == Set(environment.keys).union(["KEYS_DIRECTORY"]))
      #expect(error.faults.count == 10)
      let text = error.description
      #expect(text.contains("HTTP_PORT: expected a whole number from 0 to 65535, found \"80x\""))
      #expect(text.contains("KEYS_DIRECTORY: expected the directory"))
      #expect(text.contains("found nothing (environment)"))
      #expect(!text.contains("hunter2"))
      #expect(text.contains("\"<redacted>\""))
    }
  }

  @Test(
    "a number out of range is a fault, not a default", arguments: ["65536", "-1", "8.5", " 80"])
  func range(port: String) {
    #expect(faults(["HTTP_PORT": port]) == ["HTTP_PORT"])
  }

  @Test("a duration out of range is a fault, too", arguments: ["0", "999ms", "11m"])
  func durationRange(text: String) {
    #expect(faults(["DB_REPORT_TIMEOUT": text]) == ["DB_REPORT_TIMEOUT"])
  }

  @Test("production refuses what is for development only")
  func production() throws {
    let production = ["ENVIRONMENT": "production"]
    #expect(faults(production) == ["METRICS_TOKEN"])
    let token = production.merging(["METRICS_TOKEN": "t"]) { $1 }
    #expect(faults(token.merging(["FAULTS_ENABLED": "true"]) { $1 }) == ["FAULTS_ENABLED"])
    #expect(try settings(token).rateLimitPerSecond == 50)
    let owner = ["MIGRATION_DATABASE_URL": "postgresql://order_owner@127.0.0.1/ecommerce_db"]
    #expect(faults(token.merging(owner) { $1 }, for: .seed) == ["ENVIRONMENT"])
    #expect(faults(owner, for: .seed) == [])
    #expect(faults(token.merging(owner) { $1 }, for: .migrate) == [])
  }

  @Test("each purpose asks for what it needs")
  func purposes() throws {
    #expect(faults([:], for: .migrate) == ["MIGRATION_DATABASE_URL"])
    #expect(faults(["DATABASE_URL": "", "KEYS_DIRECTORY": ""], for: .inspect) == [])
    #expect(
      faults(["DATABASE_URL": "", "KEYS_DIRECTORY": ""]) == ["DATABASE_URL", "KEYS_DIRECTORY"])
  }

  @Test("a service's own faults join the list or are listed together")
  func ownSettings() throws {
    #expect(throws: SettingsFailure.self) {
      try Settings(
        environment: ["MAIL_BATCH": "many"], for: .inspect, portDefault: 1,
        also: { _ = $0.integer("MAIL_BATCH", default: 1) })
    }
    let settings = try settings(["MAIL_BATCH": "0", "API_KEY": "hunter2", "MODE": "Manual"])
    do {
      _ = try settings.reading { reader in
        (
          reader.integer("MAIL_BATCH", default: 10, in: 1...100),
          reader.requiredText("SMTP_URL", expected: "smtp://host:port")
        )
      }
      Issue.record("these settings were accepted")
    } catch {
      #expect(error.faults.map(\.key) == ["MAIL_BATCH", "SMTP_URL"])
    }
    enum Mode: String, CaseIterable { case automatic, manual }
    #expect(try settings.reading { $0.choice("MODE", default: Mode.automatic) } == .manual)
    #expect(try settings.required("MODE") == "Manual")
    #expect(throws: SettingsFailure.self) { try settings.required("NO_SUCH_KEY") }
  }

  @Test("keys that are said to be secret are redacted")
  func ownSecrets() {
    do {
      _ = try Settings(
        environment: ["GATEWAY_KEY": "hunter2"], for: .inspect, portDefault: 1,
        secretKeys: ["GATEWAY_KEY"], also: { _ = $0.integer("GATEWAY_KEY", default: 1) })
      Issue.record("these settings were accepted")
    } catch {
      #expect(!error.description.contains("hunter2"))
    }
  }
}

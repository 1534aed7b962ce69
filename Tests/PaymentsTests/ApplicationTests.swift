import EventLoops
import Logging
import Postgres
import ServiceKit
import Testing

@testable import Payments

@Suite("The payment service's settings")
struct ApplicationTests {
  private static let loops = EventLoopGroup(count: 1)
  private static let url = "postgresql://nobody@127.0.0.1/none"

  private func start(
    _ environment: [String: String], for purpose: Settings.Purpose
  ) async throws -> PaymentApplication {
    let settings = try Settings(
      environment: environment.merging(["DATABASE_URL": Self.url, "DISCOVERY": "static"]) { $1 },
      for: purpose, portDefault: 0)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let identity = PaymentApplication.identity
    return try await PaymentApplication(
      ServiceContext(
        identity: identity, settings: settings, group: Self.loops,
        database: Database(try DatabaseConfiguration(url: Self.url), group: Self.loops),
        logger: logger, secrets: try ServiceSecrets(key: [UInt8](repeating: 7, count: 32)),
        outbox: Outbox(signal: FeedSignal()),
        peers: try Peers(
          identity: identity, settings: settings, group: Self.loops, signer: nil,
          logger: logger)))
  }

  @Test("who serves must say where the simulator's database is, beside all else that is wrong")
  func serving() async throws {
    let keys = ["KEYS_DIRECTORY": "/keys"]
    let failure = await #expect(throws: SettingsFailure.self) {
      try await start(
        keys.merging(["SIMULATOR_SLOW_DELAY": "soon"]) { $1 }, for: .serve)
    }
    #expect(failure?.faults.map(\.key) == ["SIM_DATABASE_URL", "SIMULATOR_SLOW_DELAY"])
    _ = try await start(keys.merging(["SIM_DATABASE_URL": Self.url]) { $1 }, for: .serve)
  }

  @Test("with Stripe its keys are needed, and no simulator")
  func stripe() async throws {
    let settings = ["KEYS_DIRECTORY": "/keys", "PAYMENT_PROVIDER": "stripe"]
    let failure = await #expect(throws: SettingsFailure.self) {
      try await start(settings.merging(["STRIPE_URL": "ftp://x"]) { $1 }, for: .serve)
    }
    #expect(
      failure?.faults.map(\.key) == ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_URL"])
    _ = try await start(
      settings.merging(["STRIPE_SECRET_KEY": "sk_test", "STRIPE_WEBHOOK_SECRET": "whsec_test"]) {
        $1
      }, for: .serve)
  }

  @Test("who only looks at the routes need not")
  func inspecting() async throws {
    _ = try await start([:], for: .inspect)
  }
}

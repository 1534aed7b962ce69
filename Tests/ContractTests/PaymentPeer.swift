import CoreHTTP
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import SharedKernel

@testable import Payments

/// The payment service's routes with the provider simulator, which answers without its delays.
enum PaymentPeer {
  static func router(in shop: ShopDatabase) async throws -> (Router, Database) {
    let url = try await shop.addSchema("payment", role: "payment_app")
    let simulatorURL = try await shop.addSchema("sim", role: "psp_sim", isOwner: true)
    try await Migrator.run(
      commonMigrations(appRole: "payment_app") + paymentMigrations, schema: "payment",
      on: shop.url)
    try await Migrator.run(simulatorMigrations, schema: "sim", on: simulatorURL)
    let database = try ShopDatabase.open(url)
    let secrets = try ServiceSecrets(key: [UInt8](repeating: 2, count: 32))
    var routes = Routes(kit: RouterUpstream.kit(database, secrets: secrets))
    PaymentApplication(
      store: PaymentRepository(
        database: database, outbox: Outbox(signal: FeedSignal()), recoveryAge: .seconds(5)),
      ledger: LedgerRepository(runner: database),
      provider: .init(
        SimulatorGateway(
          store: SimulatorRepository(database: try ShopDatabase.open(simulatorURL)),
          delays: SimulatorDelays(refund: .milliseconds(1)), sleep: { _ in }),
        SimulatorNoticeClient(
          http: NoWebhook(), authority: "localhost:8084",
          secret: [UInt8](repeating: 3, count: 32))),
      timings: PaymentTimings(), secrets: secrets, logger: Logger(label: "test")
    ).addRoutes(to: &routes)
    return (routes.router, database)
  }

  /// Nothing is sent there: the payments ask by themselves.
  private struct NoWebhook: HTTPHandler {
    func handle(_ request: HTTPRequest) async throws -> HTTPResponse { HTTPResponse(.notFound) }
  }

  /// What a payment has captured, in minor units.
  static func captured(by payment: UUID128, in database: Database) async throws -> Int64? {
    try await database.value("SELECT captured FROM payments WHERE id = \(payment)")
  }

  static func violations(in database: Database) async throws -> [String] {
    try await ContractTests.violations(of: paymentInvariants, in: database)
  }
}

import HTTPMessages
import Logging
package import Postgres
package import ServiceKit
import SharedKernel

/// The payment service: the composition root.
package struct PaymentApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "payment-service", short: "payment", schema: "payment", port: 8084)
  package static var openAPI: [UInt8] { PackageResources.openapi_yaml }
  package static var migrations: [Migration] { paymentMigrations }
  package static let faultPoints = DrilledGateway.points
  private static let simulatorSchema = "sim"

  private let payments: PaymentService
  private let recovery: PaymentRecovery
  private let ledger: LedgerRepository
  private let access: PaymentAccess
  private let secrets: ServiceSecrets

  package init(_ context: ServiceContext) async throws {
    let purpose = context.settings.purpose
    let settings = try context.settings.reading {
      PaymentSettings(&$0, isServing: purpose == .serve)
    }
    var configuration = try DatabaseConfiguration(url: settings.simulatorDatabaseURL)
    configuration.applicationName = "payment-simulator"
    configuration.preparedStatements = context.settings.usesPreparedStatements
    let simulator = SimulatorGateway(
      store: SimulatorRepository(
        database: Database(configuration, group: context.group)),
      delays: settings.delays, sleep: { try await Task.sleep(for: $0) })
    self.init(
      store: PaymentRepository(
        database: context.database, outbox: context.outbox,
        recoveryAge: settings.timings.recoveryAge),
      ledger: LedgerRepository(runner: context.database.reports), simulator: simulator,
      faults: context.faults, timings: settings.timings, secrets: context.secrets,
      logger: context.logger)
  }

  init(
    store: any PaymentStore, ledger: LedgerRepository, simulator: SimulatorGateway,
    faults: FaultPoints? = nil, timings: PaymentTimings, secrets: ServiceSecrets, logger: Logger
  ) {
    let gateway: any PaymentGateway =
      faults.map { faults in
        DrilledGateway(provider: simulator) { try await faults.pass($0, kind: $1) }
      } ?? simulator
    payments = PaymentService(
      store: store, gateway: gateway, challenges: simulator, timings: timings,
      unanswered: { operation, error in
        logger.warning(
          "the provider's answer is not known",
          metadata: ["operation": "\(operation)", "error": "\(error)"])
      })
    recovery = PaymentRecovery(payments) { payment, error in
      logger.warning(
        "a payment could not be recovered this time",
        metadata: ["payment": "\(payment)", "error": "\(error)"])
    }
    access = PaymentAccess(secrets: secrets)
    self.ledger = ledger
    self.secrets = secrets
  }

  package func addRoutes(to routes: inout Routes) {
    let ledger = ledger
    let secrets = secrets
    PaymentRoutes(
      payments: payments, ledger: { try await ledger.trialBalance($0) }, access: access
    ).add(to: &routes)
    InternalPaymentRoutes(
      payments: payments, access: access, fingerprint: { secrets.fingerprint($0) }
    ).add(to: &routes)
  }

  package var workers: [Worker] {
    let recovery = recovery
    let interval = payments.timings.recoveryInterval
    return [
      Worker("payment-recovery") {
        while !Task.isCancelled {
          _ = try await recovery.round()
          try await Task.sleep(for: interval)
        }
      }
    ]
  }

  package var invariants: [Invariant] { paymentInvariants }

  package static func migrateFurther(_ settings: Settings) async throws -> [String] {
    try await Migrator.run(
      simulatorMigrations, schema: simulatorSchema, on: settings.required("SIM_DATABASE_URL"))
  }
}

/// The settings that only this service has.
private struct PaymentSettings {
  let simulatorDatabaseURL: String
  var timings = PaymentTimings()
  var delays = SimulatorDelays()

  init(_ reader: inout SettingsReader, isServing: Bool) {
    // A program that only prints its routes connects to nothing.
    simulatorDatabaseURL =
      isServing
      ? reader.requiredText(
        "SIM_DATABASE_URL", expected: "postgresql://role:password@host:port/database")
      : reader.text("SIM_DATABASE_URL") ?? "postgresql://psp_sim@127.0.0.1/ecommerce_db"
    timings.providerWait = reader.duration(
      "PAYMENT_PROVIDER_WAIT", default: timings.providerWait)
    timings.recoveryAge = reader.duration("PAYMENT_RECOVERY_AGE", default: timings.recoveryAge)
    delays.slow = reader.duration("SIMULATOR_SLOW_DELAY", default: delays.slow)
    delays.refund = reader.duration("SIMULATOR_REFUND_DELAY", default: delays.refund)
  }
}

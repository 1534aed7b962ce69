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
  private let reconciliation: ReconciliationService
  private let notices: any NoticeReader
  /// What the provider simulator sends by itself; nil with another provider.
  private let simulatorNotices: SimulatorNotices?
  private let logger: Logger

  package init(_ context: ServiceContext) async throws {
    let purpose = context.settings.purpose
    let settings = try context.settings.reading {
      PaymentSettings(&$0, isServing: purpose == .serve)
    }
    let store = PaymentRepository(
      database: context.database, outbox: context.outbox,
      recoveryAge: settings.timings.recoveryAge)
    let ledger = LedgerRepository(runner: context.database.reports)
    if let account = settings.stripe {
      let stripe = StripeGatewayClient(
        stripe: StripeClient(
          http: context.peers.client, address: account.address, secretKey: account.secretKey),
        secrets: account.webhookSecrets.map { Array($0.utf8) })
      self.init(
        store: store, ledger: ledger, provider: Provider(stripe), faults: context.faults,
        timings: settings.timings, secrets: context.secrets, logger: context.logger)
      return
    }
    var configuration = try DatabaseConfiguration(url: settings.simulatorDatabaseURL)
    configuration.applicationName = "payment-simulator"
    configuration.preparedStatements = context.settings.usesPreparedStatements
    let simulator = SimulatorGateway(
      store: SimulatorRepository(
        database: Database(configuration, group: context.group)),
      delays: settings.delays, sleep: { try await Task.sleep(for: $0) })
    let notices = SimulatorNoticeClient(
      http: context.peers.client, authority: "127.0.0.1:\(context.settings.port)",
      secret: context.secrets.fingerprint(Array("psp-webhook".utf8)))
    self.init(
      store: store, ledger: ledger, provider: Provider(simulator, notices), faults: context.faults,
      timings: settings.timings, secrets: context.secrets, logger: context.logger)
  }

  /// One provider, in all that this service needs of it.
  struct Provider {
    let gateway: any PaymentGateway
    let records: any ProviderRecords
    let notices: any NoticeReader
    /// nil for a provider whose customers answer on a page of its own.
    let challenges: (any ChallengeDesk)?
    /// What sends the provider's notices where that is part of this program.
    let sender: SimulatorNotices?

    init(_ stripe: StripeGatewayClient) {
      gateway = stripe
      records = stripe
      notices = stripe
      challenges = nil
      sender = nil
    }

    init(_ simulator: SimulatorGateway, _ notices: SimulatorNoticeClient) {
      gateway = simulator
      records = simulator
      self.notices = notices
      challenges = simulator
      sender = SimulatorNotices(store: simulator.store, now: { .now() }) {
        try await notices.send($0, at: .now())
      }
    }
  }

  init(
    store: any PaymentStore, ledger: LedgerRepository, provider: Provider,
    faults: FaultPoints? = nil, timings: PaymentTimings, secrets: ServiceSecrets, logger: Logger,
    now: @escaping @Sendable () -> Timestamp = { .now() }
  ) {
    let gateway: any PaymentGateway =
      faults.map { faults in
        DrilledGateway(provider: provider.gateway) { try await faults.pass($0, kind: $1) }
      } ?? provider.gateway
    payments = PaymentService(
      store: store, gateway: gateway, challenges: provider.challenges, timings: timings,
      now: now,
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
    reconciliation = ReconciliationService(records: provider.records) {
      try await ledger.bookings(from: $0, to: $1, limit: $2)
    }
    simulatorNotices = provider.sender
    notices = provider.notices
    self.ledger = ledger
    self.secrets = secrets
    self.logger = logger
  }

  package func addRoutes(to routes: inout Routes) {
    let secrets = secrets
    PaymentRoutes(
      payments: payments, access: access, fingerprint: { secrets.fingerprint($0) }
    ).add(to: &routes)
    LedgerRoutes(ledger: ledger).add(to: &routes)
    InternalPaymentRoutes(
      payments: payments, access: access, fingerprint: { secrets.fingerprint($0) }
    ).add(to: &routes)
    let logger = logger
    NoticeRoutes(payments: payments, reader: notices) { notice, effect in
      logger.log(
        level: effect == .contradicts ? .error : .warning,
        "a provider's notice was stored and changed nothing",
        metadata: [
          "event": "\(notice.eventID)", "effect": "\(effect.rawValue)",
          "operation": "\(notice.news?.operation.description ?? "none")",
        ])
    }.add(to: &routes)
    ReconciliationRoutes(reconciliation: reconciliation).add(to: &routes)
  }

  package var workers: [Worker] {
    let recovery = recovery
    let interval = payments.timings.recoveryInterval
    var workers = [
      Worker("payment-recovery") {
        while !Task.isCancelled {
          _ = try await recovery.round()
          try await Task.sleep(for: interval)
        }
      }
    ]
    if let simulatorNotices {
      workers.append(
        Worker("simulator-notices") {
          while !Task.isCancelled {
            _ = try await simulatorNotices.round()
            try await Task.sleep(for: SimulatorNotices.interval)
          }
        })
    }
    return workers
  }

  package var invariants: [Invariant] { paymentInvariants }

  package static func migrateFurther(_ settings: Settings) async throws -> [String] {
    let provider = try settings.reading {
      $0.choice("PAYMENT_PROVIDER", default: ProviderName.simulator)
    }
    guard provider == .simulator else { return [] }
    return try await Migrator.run(
      simulatorMigrations, schema: simulatorSchema, on: settings.required("SIM_DATABASE_URL"))
  }
}

/// PAYMENT_PROVIDER.
private enum ProviderName: String, CaseIterable {
  case simulator, stripe
}

/// The settings that only this service has.
private struct PaymentSettings {
  struct Stripe {
    let address: StripeClient.Address
    let secretKey: String
    /// Two, with a comma between, while one is being changed.
    let webhookSecrets: [String]
  }

  let simulatorDatabaseURL: String
  /// nil where the simulator is the provider.
  let stripe: Stripe?
  var timings = PaymentTimings()
  var delays = SimulatorDelays()

  init(_ reader: inout SettingsReader, isServing: Bool) {
    let provider = reader.choice("PAYMENT_PROVIDER", default: ProviderName.simulator)
    stripe = provider == .stripe ? Self.stripe(&reader) : nil
    // A program that only prints its routes connects to nothing.
    simulatorDatabaseURL =
      isServing && provider == .simulator
      ? reader.requiredText(
        "SIM_DATABASE_URL", expected: "postgresql://role:password@host:port/database")
      : reader.text("SIM_DATABASE_URL") ?? "postgresql://psp_sim@127.0.0.1/ecommerce_db"
    timings.providerWait = reader.duration(
      "PAYMENT_PROVIDER_WAIT", default: timings.providerWait)
    timings.recoveryAge = reader.duration("PAYMENT_RECOVERY_AGE", default: timings.recoveryAge)
    delays.slow = reader.duration("SIMULATOR_SLOW_DELAY", default: delays.slow)
    delays.refund = reader.duration("SIMULATOR_REFUND_DELAY", default: delays.refund)
  }

  private static func stripe(_ reader: inout SettingsReader) -> Stripe {
    let key = reader.requiredText("STRIPE_SECRET_KEY", expected: "sk_...")
    let secrets = reader.requiredText("STRIPE_WEBHOOK_SECRET", expected: "whsec_...")
    var address = StripeClient.Address.standard
    if let url = reader.text("STRIPE_URL") {
      if let other = StripeClient.Address(url: url) {
        address = other
      } else {
        reader.note("STRIPE_URL", expected: "https://host or http://host:port")
      }
    }
    return Stripe(
      address: address, secretKey: key,
      webhookSecrets: secrets.split(separator: ",").map(String.init))
  }
}

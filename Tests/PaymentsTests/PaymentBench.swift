import EventLoops
import Postgres
import ServiceKit
import SharedKernel
import Synchronization
import TestSupport

@testable import Payments

/// The payment service's parts over a database of their own, with the roles and rights that the
/// running service has, and with a clock that tests move.
struct PaymentBench {
  let store: PaymentRepository
  let ledger: LedgerRepository
  /// As the service's own role.
  let database: Database
  /// As superuser.
  let admin: Database
  let simulator: SimulatorGateway
  let clock: TestClock

  private static let loops = EventLoopGroup(count: 1)
  private static let sharedBench = Mutex<Task<PaymentBench, any Error>?>(nil)

  /// For tests that look at their own payments only.
  static func shared() async throws -> PaymentBench {
    let task = sharedBench.withLock { task in
      let running = task ?? Task { try await PaymentBench.fresh() }
      task = running
      return running
    }
    return try await task.value
  }

  /// For tests that look at everything there is.
  static func fresh() async throws -> PaymentBench {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "payments")
    let password = "only-for-tests"
    let admin = try Self.database(url)
    for role in ["payment_app", "psp_sim"] {
      try await admin.execute(
        """
        DO $$ BEGIN CREATE ROLE \(identifier: role) LOGIN PASSWORD 'only-for-tests';
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
        """)
    }
    try await admin.execute("CREATE SCHEMA payment")
    try await admin.execute("CREATE SCHEMA sim AUTHORIZATION psp_sim")
    try await admin.execute("GRANT USAGE ON SCHEMA payment TO payment_app")
    for (role, schema) in [("payment_app", "payment"), ("psp_sim", "sim")] {
      try await admin.execute(
        """
        DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = %I',
          \(literal: role), current_database(), \(literal: schema)); END $$
        """)
    }
    try await Migrator.run(
      commonMigrations(appRole: "payment_app") + paymentMigrations, schema: "payment", on: url)
    let simulatorURL = server.url(url, user: "psp_sim", password: password)
    try await Migrator.run(simulatorMigrations, schema: "sim", on: simulatorURL)

    let database = try Self.database(
      server.url(url, user: "payment_app", password: password))
    let clock = TestClock()
    return PaymentBench(
      store: PaymentRepository(
        database: database, outbox: Outbox(signal: FeedSignal()), recoveryAge: .seconds(5)),
      ledger: LedgerRepository(runner: database), database: database, admin: admin,
      simulator: SimulatorGateway(
        store: SimulatorRepository(database: try Self.database(simulatorURL)),
        now: { clock.now }, sleep: { clock.advance($0) }),
      clock: clock)
  }

  /// Patient, since all tests at once share few connections.
  private static func database(_ url: String) throws -> Database {
    var configuration = try patientConfiguration(url: url)
    configuration.leaseWaitMax = .seconds(60)
    return Database(configuration, group: loops)
  }

  func service(
    _ gateway: (any PaymentGateway)? = nil, timings: PaymentTimings = PaymentTimings()
  ) -> PaymentService {
    PaymentService(
      store: store, gateway: gateway ?? simulator, challenges: simulator, timings: timings,
      now: { clock.now })
  }

  /// A payment that was asked for with this token and answered as far as the provider did.
  func authorize(
    _ token: SimulatorToken = .ok, amount: Int64 = 1000, id: PaymentID = .new(),
    by gateway: (any PaymentGateway)? = nil
  ) async throws -> PaymentAnswer {
    try await service(gateway).authorize(
      id, try Samples.request(token, amount: amount), hash: [1])
  }

  func captured(_ token: SimulatorToken = .ok, amount: Int64 = 1000) async throws -> Payment {
    let payment = try await authorize(token, amount: amount).payment
    return try await service().capture(payment.id, .new(), amount: amount).payment
  }

  /// What the provider has of a payment: how often it was charged, and the amounts.
  func charges(of payment: Payment) async throws -> [Charge] {
    let authorizations = payment.operations.filter { $0.kind == .authorize }.map(\.id)
    return try await admin.query(
      """
      SELECT state, captured, refunded FROM sim.charges
      WHERE authorization_id = ANY(\(authorizations))
      """
    ) { Charge(state: try $0.next(), captured: try $0.next(), refunded: try $0.next()) }
  }

  /// The types of a payment's events, in order.
  func events(of payment: Payment) async throws -> [String] {
    try await admin.values(
      "SELECT type FROM payment.outbox WHERE subject = \(payment.id.description) ORDER BY id")
  }

  /// The payment's invariants of the schema, by their own queries; empty when all hold.
  func violations() async throws -> [String] {
    var found: [String] = []
    for invariant in paymentInvariants {
      found += try await database.query(invariant.violations) { try $0.next(as: String.self) }
    }
    return found
  }
}

extension Transaction {
  /// Waits until another connection waits for what this one has locked.
  func waitUntilBlocking() async throws {
    while true {
      let isWaitedFor: Bool? = try await value(
        """
        SELECT EXISTS (SELECT FROM pg_locks
          WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))
        """)
      if isWaitedFor == true { return }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

struct Charge: Equatable {
  let state: String
  var captured: Int64 = 0
  var refunded: Int64 = 0
}

/// Stands still until a test, or something that would have slept, moves it.
final class TestClock: Sendable {
  private let microseconds = Mutex(Timestamp.now().microseconds)

  var now: Timestamp { Timestamp(microseconds: microseconds.withLock { $0 }) }

  func advance(_ duration: Duration) {
    microseconds.withLock { $0 = (Timestamp(microseconds: $0) + duration).microseconds }
  }
}

/// Lets the provider do what it is asked, then dies before it is recorded, as often as told.
final class ForgetfulGateway: PaymentGateway {
  struct Crash: Error {}

  private let provider: any PaymentGateway
  private let crashes: Mutex<Int>

  init(_ provider: any PaymentGateway, crashes: Int = 1) {
    self.provider = provider
    self.crashes = Mutex(crashes)
  }

  private func crashOrReturn(_ answer: ProviderAnswer) throws -> ProviderAnswer {
    let isCrash = crashes.withLock { left in
      defer { left = max(0, left - 1) }
      return left > 0
    }
    if isCrash { throw Crash() }
    return answer
  }

  func authorize(
    _ request: AuthorizeRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try crashOrReturn(try await provider.authorize(request, within: limit))
  }

  func capture(
    _ request: FollowUpRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try crashOrReturn(try await provider.capture(request, within: limit))
  }

  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try crashOrReturn(try await provider.void(request, within: limit))
  }

  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try crashOrReturn(try await provider.refund(request, within: limit))
  }

  func lookup(_ request: LookupRequest, within limit: Duration) async throws -> ProviderAnswer? {
    try await provider.lookup(request, within: limit)
  }
}

/// A provider that refuses voids, as often as told.
final class RefusingGateway: PaymentGateway {
  private let provider: any PaymentGateway
  private let refusals: Mutex<Int>

  init(refusals: Int, _ provider: any PaymentGateway) {
    self.provider = provider
    self.refusals = Mutex(refusals)
  }

  func authorize(
    _ request: AuthorizeRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try await provider.authorize(request, within: limit)
  }

  func capture(
    _ request: FollowUpRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try await provider.capture(request, within: limit)
  }

  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    let isRefused = refusals.withLock { left in
      defer { left = max(0, left - 1) }
      return left > 0
    }
    if isRefused { return .declined(code: "not_now", reference: nil) }
    return try await provider.void(request, within: limit)
  }

  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await provider.refund(request, within: limit)
  }

  func lookup(_ request: LookupRequest, within limit: Duration) async throws -> ProviderAnswer? {
    try await provider.lookup(request, within: limit)
  }
}

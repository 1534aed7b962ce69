import CoreHTTP
import EventLoops
import Foundation
import HTTPClient
import HTTPMessages
import Logging
import Postgres
import ServiceLifecycle
import SharedKernel

/// Puts one service together and runs it until it is told to stop.
struct ServiceRunner<Service: ShopService> {
  let settings: Settings

  /// How long the stages may take to end one after the other, from the first SIGTERM or SIGINT on;
  /// then all are cancelled.
  private static var shutdownTimeMax: Duration { .seconds(20) }
  /// How long what was cancelled may take to end; then the process traps. `./shop` kills after 25 s.
  private static var cancellationTimeMax: Duration { .seconds(3) }

  /// What a service consists of, before anything of it runs.
  struct Parts {
    let context: ServiceContext
    let service: Service
    let routes: Routes
    let readiness: Readiness
    let observer: ExchangeObserver
    let userKeys: Worker?
    let sequencer: Sequencer
    let stored: StoredGauges
    let logLevel: RunTimeLogLevel
    let instance: String
  }

  func run() async throws {
    let level = startLogging(
      service: Service.identity.name, level: settings.logLevel,
      metadataProvider: RequestScope.metadataProvider)
    let parts = try await build(
      secrets: try ServiceSecrets.load(
        directory: try settings.keysDirectory, service: Service.identity.name),
      keys: try ServiceKeys.load(
        directory: try settings.keysDirectory, service: Service.identity.name), level: level)
    let logger = parts.context.logger
    let runTimeLevel = parts.logLevel
    let server = HTTPServer(
      handler: parts.routes.router, group: parts.context.group, host: settings.host,
      port: settings.port, observer: parts.observer)
    try await server.start()
    logger.notice(
      "listening",
      metadata: ["address": "\(settings.host):\(server.port)", "instance": "\(parts.instance)"])

    // Its readers of feeds name peers, so they come before the peers' watches are asked for.
    let own = parts.service.workers
    let workers =
      parts.context.peers.workers + own + [
        Worker("sequencer") { try await parts.sequencer.run() },
        Worker("feed-bell") { await parts.sequencer.bell.listen() },
        parts.context.singleton("key-purge") { try await purgeKeys(parts.context.database) },
        parts.stored.worker, runTimeLevel.worker,
      ] + (parts.userKeys.map { [$0] } ?? [])
      + (parts.context.peers.watch(key: runTimeLevel.key, runTimeLevel.take).map { [$0] } ?? [])
    // Ended in reverse order: leave discovery, drain the server, stop the workers, close the pools.
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: DatabaseStage(database: parts.context.database)),
        .init(
          service: WorkerStage(workers: workers, loops: parts.context.group, logger: logger)),
        .init(
          service: ServerStage(
            server: server, signal: parts.sequencer.signal, grace: settings.shutdownGrace)),
        .init(
          service: DiscoveryStage(
            peers: parts.context.peers, readiness: parts.readiness, server: server,
            instance: parts.instance)),
      ],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: logger)
    configuration.maximumGracefulShutdownDuration = Self.shutdownTimeMax
    configuration.maximumCancellationDuration = Self.cancellationTimeMax
    let secondSignal = SecondSignal()
    try await ServiceGroup(configuration: configuration).run()
    _ = consume secondSignal
    logger.notice("stopped")
  }

  /// The same parts without keys and connections, for what only looks at them.
  static func inspect() async throws -> Parts {
    let settings = try Settings(
      environment: ["DATABASE_URL": "postgresql://nobody@127.0.0.1/none"], for: .inspect,
      portDefault: Service.identity.port)
    return try await ServiceRunner(settings: settings).build(
      secrets: try ServiceSecrets(key: [UInt8](repeating: 0, count: 32)), keys: nil,
      level: LogLevel(settings.logLevel))
  }

  private func build(
    secrets: ServiceSecrets, keys: ServiceKeys?, level: LogLevel
  ) async throws -> Parts {
    let identity = Service.identity
    let logger = Logger(label: identity.name)
    let logLevel = RunTimeLogLevel(
      service: identity.name, level: level, standard: settings.logLevel, logger: logger)
    let group = EventLoopGroup(count: settings.eventLoops == 0 ? nil : settings.eventLoops)
    var configuration = try DatabaseConfiguration(url: settings.databaseURL)
    configuration.applicationName = identity.name
    configuration.preparedStatements = settings.usesPreparedStatements
    configuration.reportTimeout = settings.reportTimeout
    let faults =
      settings.faultsEnabled
      ? FaultPoints(
        peers: ["product", "order", "user", "payment", "notification"].filter {
          $0 != identity.short
        },
        further: Service.faultPoints, logger: logger) : nil
    configuration.commitHooks = faults.map { faults in
      CommitHooks(
        before: { try await faults.pass("tx.before_commit") },
        after: {
          if await faults.reach("tx.after_commit") != nil {
            throw PostgresError.unknownOutcome(reason: "a drill lost the answer to COMMIT")
          }
        })
    }
    let database = Database(configuration, group: group)
    let signal = FeedSignal()
    let peers = try Peers(
      identity: identity, settings: settings, group: group,
      signer: keys.map { ServiceTokenSigner(keys: $0) }, faults: faults, logger: logger)
    let context = ServiceContext(
      identity: identity, settings: settings, group: group, database: database, logger: logger,
      secrets: secrets, outbox: Outbox(signal: signal), peers: peers,
      leaseHolder: LeaseHolder(settings), faults: faults)
    let service = try await Service(context)
    let readiness = Readiness(
      database: database, migrations: Service.allMigrations, schema: identity.schema)
    let verifier = keys.map { self.verifier(keys: $0, service, peers) }
    let kit = RequestKit(
      storage: RequestStorage(database: database, fingerprint: { secrets.fingerprint($0) }),
      authenticate: authenticator(verifier),
      rates: settings.rateLimitPerSecond == 0
        ? nil
        : RequestRates(
          perSecond: settings.rateLimitPerSecond, burst: settings.rateLimitPerSecond * 2),
      proxies: settings.trustedProxies, faults: faults, logger: logger)
    let stored = StoredGauges(StoredGauge.common + service.gauges, in: database)
    let metrics = ServiceMetrics.make(context, kit: kit, stored: stored)
    let instance = settings.text("INSTANCE_ID") ?? UUID128.v7().description
    var routes = Routes(kit: kit)
    service.addRoutes(to: &routes)
    StandardRoutes(
      identity: identity, commit: settings.text("SHOP_COMMIT") ?? "unknown", instance: instance,
      startedAt: .now(), readiness: readiness, metrics: metrics,
      metricsToken: settings.metricsToken, openAPI: Service.openAPI, peers: peers,
      database: database, invariants: feedInvariants + service.invariants,
      feed: EventFeed(source: identity.short, database: database, signal: signal),
      logLevel: logLevel
    ).add(to: &routes)
    if let faults { FaultRoutes(points: faults).add(to: &routes) }
    return Parts(
      context: context, service: service, routes: routes, readiness: readiness,
      observer: ExchangeObserver(
        metrics: RequestMetrics(
          metrics, routes: routes.entries.map { ($0.method.rawValue, $0.pattern) }),
        logger: logger),
      userKeys: verifier.map(userKeyWorker),
      sequencer: Sequencer(
        database: database, signal: signal,
        bell: FeedBell(source: identity.short, database: database, signal: signal)),
      stored: stored, logLevel: logLevel, instance: instance)
  }

  private func verifier(keys: ServiceKeys, _ service: Service, _ peers: Peers) -> TokenVerifier {
    if let own = service.userKeySet { return TokenVerifier(keys: keys, userKeySet: own) }
    let users = peers.upstream("user-service")
    return TokenVerifier(keys: keys) {
      let response = try await users.call(.get, "/.well-known/jwks.json")
      guard response.status == .ok else {
        throw UpstreamFailure(target: users.name, answer: response)
      }
      return response.body
    }
  }
}

/// Bearer tokens to callers: the verifier's memory first, which needs no suspension.
private func authenticator(_ verifier: TokenVerifier?) -> RequestKit.Authenticate {
  guard let verifier else { return { _ in throw AuthenticationFailure.keysUnavailable } }
  return { token in
    if let caller = verifier.cached(token) { return caller }
    return try await verifier.verify(token)
  }
}

/// Keeps the user service's keys at hand, so that no request waits for them and tokens are good
/// while that service is down.
private func userKeyWorker(_ verifier: TokenVerifier) -> Worker {
  Worker("user-keys") {
    while true {
      try await verifier.refreshUserKeys()
      try await Task.sleep(for: .seconds(300))
    }
  }
}

private func purgeKeys(_ database: Database) async throws {
  let batchMax = 1000
  let store = IdempotencyStore(database: database)
  while true {
    let purged = try await store.purge(batchMax: batchMax)
    try await Task.sleep(for: purged == batchMax ? .milliseconds(100) : .seconds(600))
  }
}

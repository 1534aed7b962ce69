package import EventLoops
package import Logging
package import Postgres

/// What every service is given to build itself on.
package struct ServiceContext: Sendable {
  package let identity: ServiceIdentity
  package let settings: Settings
  package let group: EventLoopGroup
  package let database: Database
  package let logger: Logger
  package let secrets: ServiceSecrets
  package let outbox: Outbox
  package let peers: Peers
  /// This process, where leases are kept.
  package let leaseHolder: LeaseHolder
  /// Where a drill can make things go wrong; nil unless FAULTS_ENABLED.
  package let faults: FaultPoints?
  let consumerLags = ConsumerLags()

  package init(
    identity: ServiceIdentity, settings: Settings, group: EventLoopGroup, database: Database,
    logger: Logger, secrets: ServiceSecrets, outbox: Outbox, peers: Peers,
    leaseHolder: LeaseHolder = LeaseHolder(), faults: FaultPoints? = nil
  ) {
    self.identity = identity
    self.settings = settings
    self.group = group
    self.database = database
    self.logger = logger
    self.secrets = secrets
    self.outbox = outbox
    self.peers = peers
    self.leaseHolder = leaseHolder
    self.faults = faults
  }

  /// The peer of that name (`payment-service`).
  package func upstream(_ name: String) -> any Upstream {
    peers.upstream(name)
  }

  /// Work that one instance of this service does at a time; see `Peers.singleton`.
  package func singleton(
    _ name: String, _ body: @escaping @Sendable () async throws -> Void
  ) -> Worker {
    peers.singleton(name, body)
  }

  /// A consumer of `source`'s feed; see `FeedConsumer`.
  package func consumer(
    of source: String, types: [String], _ apply: @escaping FeedConsumer.Apply
  ) -> Worker {
    FeedConsumer(
      source: source, types: types, upstream: upstream(source), database: database,
      logger: logger, lags: consumerLags, holder: leaseHolder, apply: apply
    ).worker
  }
}

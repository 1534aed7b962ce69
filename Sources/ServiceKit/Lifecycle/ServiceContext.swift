package import EventLoops
package import Logging
package import Postgres

/// What every service is given to build itself on.
package struct ServiceContext: Sendable {
  /// The service's names, schema and usual port.
  package let identity: ServiceIdentity
  /// Those of all services; further ones are read with `Settings.reading`.
  package let settings: Settings
  /// The loops that requests, workers and clients share.
  package let group: EventLoopGroup
  /// The service's own, as the role that serves. Connections are opened when they are needed.
  package let database: Database
  /// Labelled with the service's name.
  package let logger: Logger
  /// Made of zeros where a program only looks at the service, such as `routes`.
  package let secrets: ServiceSecrets
  /// Where a change's event goes, in the change's transaction.
  package let outbox: Outbox
  /// The other services, and this one's place in discovery.
  package let peers: Peers
  /// This process, where leases are kept.
  package let leaseHolder: LeaseHolder
  /// Where a drill can make things go wrong; nil unless FAULTS_ENABLED.
  package let faults: FaultPoints?
  let consumerLags = ConsumerLags()

  /// As `ServiceRunner` makes it; a test leaves out what it does not look at.
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

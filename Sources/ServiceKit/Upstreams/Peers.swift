import Consul
package import EventLoops
import Glibc
package import HTTPClient
package import Logging
package import Resilience
import SharedKernel
import Synchronization

/// The other services: one client for each, and this service's own place in discovery.
package final class Peers: Sendable {
  /// For what is no peer of ours; without a breaker or a balancer.
  package let client: CurlClient
  private let identity: ServiceIdentity
  private let settings: Settings
  private let signer: ServiceTokenSigner?
  private let faults: FaultPoints?
  private let logger: Logger
  private let consul: ConsulClient?
  let registry = ResilienceRegistry()
  private let pollRegistry = ResilienceRegistry()
  private let clients = Mutex(Clients())
  private let registration = Mutex<ConsulRegistration?>(nil)
  private let registrations = Mutex<[RegistrationEvent.Reason: Int]>([:])
  /// Singleton work of this service by its name, and whether this instance does it now.
  private let leading = Mutex<[String: Bool]>([:])

  private struct Clients {
    var byName: [String: Known] = [:]
    /// Whether the watches are running by now.
    var areWatched = false
  }

  private struct Known {
    let client: UpstreamClient
    let endpoints: PeerEndpoints
    /// Nil without Consul.
    let watch: ServiceWatch?
  }

  /// - Parameters:
  ///   - signer: nil shows peers no token.
  ///   - faults: nil lets no drill disturb calls.
  /// - Throws: `ConsulConfiguration.BadSetting`, where discovery is Consul's.
  package init(
    identity: ServiceIdentity, settings: Settings, group: EventLoopGroup,
    signer: ServiceTokenSigner?, faults: FaultPoints? = nil, logger: Logger
  ) throws {
    self.identity = identity
    self.settings = settings
    self.signer = signer
    self.faults = faults
    self.logger = logger
    client = CurlClient(group: group)
    if settings.discovery == .consul {
      let configuration = try ConsulConfiguration(environment: settings.consulEnvironment)
      consul = ConsulClient(
        configuration, http: CurlClient(group: group, tls: configuration.tls))
    } else {
      consul = nil
    }
  }

  /// The peer of that name; the same object for the same name. To be named before `workers` are asked
  /// for, or nobody would look where it is.
  package func upstream(_ name: String) -> any Upstream {
    clients.withLock { clients in
      if let found = clients.byName[name] { return found.client }
      precondition(!clients.areWatched, "\(name) is named too late: its watch would never run")
      let endpoints = PeerEndpoints(name: name, fixed: settings.staticPeers[name] ?? [])
      let made = UpstreamClient(
        name: name, client: client, signer: signer, endpoints: endpoints, registry: registry,
        pollRegistry: pollRegistry, faults: faults)
      let watch = consul.map { consul in
        ServiceWatch(service: name, client: consul) { [logger] event in
          Self.take(event, into: endpoints, logger)
        }
      }
      clients.byName[name] = Known(client: made, endpoints: endpoints, watch: watch)
      return made
    }
  }

  /// For each peer: a watch of Consul, and what tells the log of its policies.
  package var workers: [Worker] {
    let known = clients.withLock { clients in
      clients.areWatched = true
      return Array(clients.byName.values)
    }
    return known.compactMap(\.watch).map { watch in
      Worker("watch-\(watch.service)") { await watch.run() }
    } + known.map(\.client).flatMap(tellers)
  }

  private func tellers(of client: UpstreamClient) -> [Worker] {
    let log = PolicyLog(peer: client.name, logger: logger)
    return [
      log.worker(of: client.pipeline.circuitBreaker, target: client.name),
      log.worker(of: client.pollPipeline.circuitBreaker, target: "\(client.name):feed"),
      log.worker(of: client.balancer),
    ]
  }

  /// Follows a key of Consul's store while it runs; nil without Consul.
  ///
  /// - Parameter take: gets each new value, nil for a key that is not there; a value that cannot be
  ///   used is for it to refuse.
  func watch(key: String, _ take: @escaping @Sendable (String?) -> Void) -> Worker? {
    guard let consul else { return nil }
    let watch = KeyWatch(key: key, client: consul) { [logger] event in
      switch event {
      case .value(let value): take(value)
      case .degraded(let reason):
        logger.warning(
          "Consul does not answer; the last value stays in use",
          metadata: ["key": "\(key)", "reason": "\(reason)"])
      case .recovered: logger.notice("Consul answers again", metadata: ["key": "\(key)"])
      }
    }
    return Worker("watch-\(key)") { await watch.run() }
  }

  /// Work that one instance of this service does at a time, chosen by Consul; without Consul every instance
  /// does it. So it is for what may be done twice but need not be, such as deleting what is old.
  ///
  /// - Parameter body: is cancelled when another instance is to do it, and must end within two seconds then.
  package func singleton(
    _ name: String, _ body: @escaping @Sendable () async throws -> Void
  ) -> Worker {
    guard let consul else { return Worker(name, body) }
    let election = LeaderElection(
      key: "\(identity.name)/leader/\(name)",
      candidate: "\(settings.advertisedHost ?? ownAddress())/\(getpid())", client: consul
    ) { [self] event in
      take(event, of: name)
    }
    leading.withLock { $0[name] = false }
    return Worker(name) { try await election.run { _ in try await body() } }
  }

  private func take(_ event: ElectionEvent, of work: String) {
    switch event {
    case .elected(let term):
      leading.withLock { $0[work] = true }
      logger.info("does the work of all", metadata: ["work": "\(work)", "term": "\(term.number)"])
    case .steppedDown:
      leading.withLock { $0[work] = false }
      logger.info("no more does the work of all", metadata: ["work": "\(work)"])
    case .failed(let error):
      logger.warning(
        "Consul chooses nobody for work of all",
        metadata: ["work": "\(work)", "error": "\(error)"])
    }
  }

  private static func take(
    _ event: WatchEvent, into endpoints: PeerEndpoints, _ logger: Logger
  ) {
    let peer: Logger.Metadata = ["peer": "\(endpoints.name)"]
    switch event {
    case .endpoints(let list):
      endpoints.publish(list, source: .consul)
      logger.info(
        "a peer's instances changed",
        metadata: peer.merging(["instances": "\(list.map(\.id))"]) { $1 })
    case .degraded(let reason):
      endpoints.degrade()
      logger.warning(
        "Consul does not answer; the last list stays in use",
        metadata: peer.merging(["reason": "\(reason)"]) { $1 })
    case .held:
      endpoints.degrade()
      logger.notice("Consul forgot a peer; the last list stays in use", metadata: peer)
    case .returned:
      endpoints.recover()
      logger.notice("Consul knows a peer again", metadata: peer)
    case .recovered:
      endpoints.recover()
      logger.notice("Consul answers again", metadata: peer)
    }
  }

  // MARK: This service's own place

  /// Registers this instance once it is ready, and keeps it registered until cancelled.
  func stayRegistered(port: UInt16, instance: String, readiness: Readiness) async {
    guard let consul else { return }
    do {
      while await !readiness.isReady { try await Task.sleep(for: .milliseconds(100)) }
      let host = settings.advertisedHost ?? ownAddress()
      var service = ServiceRegistration(name: identity.name, host: host, port: port)
      service.meta = ["version": Build.version, "protocol": "http", "instance": instance]
      service.weight = settings.serviceWeight
      let registration = ConsulRegistration(service, client: consul) { [self] event in
        if case .registered(let reason) = event {
          registrations.withLock { $0[reason, default: 0] += 1 }
        }
        Self.log(event, logger)
      }
      self.registration.withLock { $0 = registration }
      await registration.run()
    } catch {
      // Cancelled before it was ready: there is nothing to take back.
    }
  }

  /// Takes this instance out of discovery, if it was there.
  func deregister() async { await registration.withLock({ $0 })?.deregister() }

  private static func log(_ event: RegistrationEvent, _ logger: Logger) {
    switch event {
    case .registered(let reason):
      logger.notice("registered in Consul", metadata: ["reason": "\(reason.rawValue)"])
    case .deregistered: logger.notice("deregistered from Consul")
    case .lost: logger.notice("Consul forgot this instance")
    case .yielded(let boot):
      logger.error(
        "a newer process has this instance's place in Consul", metadata: ["boot": "\(boot)"])
    case .invisible:
      logger.warning(
        "registered, but the catalogue does not show it: check the ACL token and the datacenter")
    case .failed(let error) where !error.isTemporary:
      logger.error(
        "Consul refuses this instance, and is not asked again: check CONSUL_HTTP_ADDR and its kin",
        metadata: ["error": "\(error)"])
    case .failed(let error):
      logger.warning("not registered in Consul yet", metadata: ["error": "\(error)"])
    case .deregistrationFailed(let error):
      logger.warning("not deregistered from Consul", metadata: ["error": "\(error)"])
    }
  }

  /// Whether Consul held this instance when last asked; nil without Consul, or before it was ready.
  var isRegistered: Bool? { registration.withLock { $0?.isRegistered } }

  // MARK: For the administrator

  func breakers() -> [BreakerView] {
    pipelines.map { BreakerView($0.pipeline, target: $0.target) }
  }

  /// The policies of each peer known by now: of calls, and of polls of its feed.
  package var pipelines: [(target: String, pipeline: ResiliencePipeline)] {
    let known = clients.withLock { $0.byName.values.map(\.client) }.sorted { $0.name < $1.name }
    return known.map { ($0.name, $0.pipeline) }
      + known.map { ("\($0.name):feed", $0.pollPipeline) }
  }

  /// - Throws: `NotFound` for a peer that this service does not call.
  func order(
    _ state: CircuitBreaker.ManualState, of target: String
  ) throws(NotFound) -> BreakerView {
    guard let pipeline = pipelines.first(where: { $0.target == target })?.pipeline else {
      throw NotFound("circuit breaker")
    }
    let breaker = pipeline.circuitBreaker
    if state == .closed { breaker.reset() } else { breaker.transition(to: state) }
    return BreakerView(pipeline, target: target)
  }

  /// Each peer known by now, with its instances.
  package func discovery() -> [PeerEndpoints.View] {
    clients.withLock { Array($0.byName.values) }.map {
      $0.endpoints.view($0.watch?.current)
    }
    .sorted { $0.service < $1.service }
  }

  /// Takes this instance out of discovery while it goes on serving, or puts it back.
  ///
  /// - Parameter reason: nil ends it.
  /// - Throws: `UpstreamFailure` when there is no Consul, this instance was not registered yet, or
  ///   Consul does not do it.
  func setMaintenance(_ reason: String?) async throws {
    func failure(_ cause: String) -> UpstreamFailure {
      UpstreamFailure(target: "consul", reason: .unavailable, cause: cause, retryAfter: .seconds(1))
    }
    guard let registration = registration.withLock({ $0 }) else {
      throw failure("this instance is not registered anywhere")
    }
    do {
      try await registration.setMaintenance(reason)
    } catch let error as ConsulError {
      throw failure("\(error)")
    }
    logger.notice(
      reason == nil ? "back in discovery" : "taken out of discovery",
      metadata: reason.map { ["reason": "\($0)"] } ?? [:])
  }

  // MARK: For metrics

  /// The watch of each peer known by now, and the balancer that its lists go to.
  struct Observed: Sendable {
    let peer: String
    /// Since Consul last confirmed the list; nil before it did, and without Consul.
    let watchAge: Duration?
    /// Nil without Consul.
    let watch: WatchCounts?
    let ejections: [BalancerEvent.EjectionReason: Int]
    let isPanicking: Bool
    /// Instances that have left the list and are still busy with calls.
    let draining: Int
  }

  var observed: [Observed] {
    clients.withLock { Array($0.byName.values) }.map { known in
      Observed(
        peer: known.endpoints.name, watchAge: known.watch?.current.age(),
        watch: known.watch?.counts, ejections: known.client.balancer.ejections,
        isPanicking: known.client.balancer.isPanicking,
        draining: known.client.balancer.drainingCount)
    }.sorted { $0.peer < $1.peer }
  }

  /// Calls whose time was used up since the start, by where it ran out on this side.
  var deadlineCounts: [DeadlineExceeded.Place: Int] {
    clients.withLock { $0.byName.values.map(\.client) }.reduce(into: [:]) {
      $0.merge($1.deadlineCounts, uniquingKeysWith: +)
    }
  }

  /// Singleton work by its name, and whether this instance does it now; empty without Consul.
  var singletons: [String: Bool] { leading.withLock { $0 } }

  var registrationCounts: [RegistrationEvent.Reason: Int] { registrations.withLock { $0 } }
}

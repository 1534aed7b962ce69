import Synchronization

/// What became of a registration.
package enum RegistrationEvent: Sendable, Equatable {
  /// Why an instance was registered: for the first time by this process, because the agent had
  /// forgotten it, or because the agent held something else than was set.
  package enum Reason: String, Sendable {
    case initial, lost, drift
  }
  case registered(Reason)
  /// Consul does not answer or refuses; it is tried again, unless `isTemporary` is false. Told at
  /// once, then at most once a minute until Consul answers again.
  case failed(ConsulError)
  /// The agent no longer knows this instance; it is registered again.
  case lost
  /// A newer process owns the id: this one has stopped.
  case yielded(toBoot: String)
  /// Registered, but the catalogue does not show it: a token without rights, or another datacenter.
  case invisible
  case deregistered
  case deregistrationFailed(ConsulError)
}

/// One instance's place in Consul: registers it, and registers it again whenever the agent has
/// forgotten it, until cancelled. Consul being away never fails the service.
///
/// The order of a shutdown: cancel the task of `run`, await it, then `deregister`.
package final class ConsulRegistration: Sendable {
  /// What the agent is told, each time anew.
  package let registration: ServiceRegistration
  /// Tells this process from every other that registers under the same id.
  package let boot: String
  private let client: ConsulClient
  private let report: @Sendable (RegistrationEvent) -> Void
  private let isHeld = Mutex(false)
  /// Why this instance shall be left out of discovery; nil while it serves.
  private let maintenance = Mutex<String?>(nil)

  /// After registering, until the instance must be visible to itself.
  private static let visibleWithin: Duration = .seconds(5)
  private static let pollWait: Duration = .seconds(30)
  private static let warnEvery: Duration = .seconds(60)
  private static let deregisterCallTimeout: Duration = .seconds(1)

  /// - Parameter report: called from `run` and `deregister`, one event after the other.
  package init(
    _ registration: ServiceRegistration, client: ConsulClient,
    report: @escaping @Sendable (RegistrationEvent) -> Void = { _ in }
  ) {
    self.registration = registration
    self.client = client
    self.report = report
    var random = SystemRandomNumberGenerator()
    boot = String(random.next(), radix: 16) + String(random.next(), radix: 16)
  }

  /// Whether the agent held this instance when last asked or told. False after `deregister`,
  /// whatever came of that.
  package var isRegistered: Bool { isHeld.withLock { $0 } }

  // MARK: Staying registered

  /// Registers the instance and keeps it registered. To be called once the listener is bound and
  /// readiness is 200: the instance passes at once.
  ///
  /// Returns when its task is cancelled, as soon as no registration is on its way; or when a newer
  /// process owns the id; or when Consul calls the registration malformed.
  package func run() async {
    var pacer = RequestPacer()
    var backoff = ConsulBackoff()
    var random = SystemRandomNumberGenerator()
    var due: RegistrationEvent.Reason? = .initial
    var hash: String?
    var isSeen = false
    var warnedAt: ContinuousClock.Instant?
    do {
      while true {
        try await Task.sleep(for: pacer.take(at: .now))
        do {
          if let reason = due {
            try await register(reason)
            due = nil
            hash = nil
          }
          let found = try await client.agentService(
            registration.id, hash: hash, wait: isSeen ? Self.pollWait : Self.visibleWithin)
          switch try await verdict(on: found?.service) {
          case .intact:
            isHeld.withLock { $0 = true }
            if hash != nil, !isSeen {
              isSeen = true
              try await checkVisibility()
            }
            hash = found?.hash
          case .lost:
            isHeld.withLock { $0 = false }
            report(.lost)
            due = .lost
          case .drifted:
            due = .drift
          case .taken(let boot):
            isHeld.withLock { $0 = false }
            report(.yielded(toBoot: boot))
            return
          }
          backoff.reset()
          warnedAt = nil
        } catch let error as ConsulError {
          if !error.isTemporary || warnedAt.map({ .now - $0 >= Self.warnEvery }) ?? true {
            warnedAt = .now
            report(.failed(error))
          }
          guard error.isTemporary else {
            isHeld.withLock { $0 = false }
            return
          }
          hash = nil
          try await Task.sleep(for: backoff.next(after: error, using: &random))
        }
      }
    } catch {
      // Only cancellation leads here: the caller's wish, not a failure.
    }
  }

  private func register(_ reason: RegistrationEvent.Reason) async throws {
    let registration = registration
    let boot = boot
    let client = client
    let maintenanceReason = maintenance.withLock { $0 }
    // A task of its own, so that cancellation does not cut it short: a request given up on could
    // still be carried out, after the deregistration that follows. Its time is bounded.
    try await Task {
      if reason == .initial {
        // Another id at our address is a ghost, whose check our listener would answer.
        for ghost in try await client.agentServices()
        where ghost.name == registration.name && ghost.host == registration.host
          && ghost.port == registration.port && ghost.id != registration.id
        {
          try await client.deregister(ghost.id)
        }
      }
      try await client.register(registration, boot: boot)
      // An agent that forgot this instance has forgotten its maintenance too.
      if let maintenanceReason {
        try await client.setMaintenance(registration.id, isOn: true, reason: maintenanceReason)
      }
    }.value
    isHeld.withLock { $0 = true }
    report(.registered(reason))
  }

  private func verdict(on found: AgentService?) async throws -> RegistrationVerdict {
    // The hash that the poll waits on does not cover the checks.
    let checkIDs = found == nil ? [] : try await client.agentCheckIDs(of: registration.id)
    return RegistrationVerdict(
      of: registration, boot: boot, found: found, checkIDs: checkIDs)
  }

  private func checkVisibility() async throws {
    let seen = try await client.health(of: registration.name, onlyPassing: false)
    if !seen.endpoints.contains(where: { $0.id == registration.id }) { report(.invisible) }
  }

  // MARK: Maintenance

  /// Takes this instance out of `?passing` lists while it goes on serving, or puts it back. It stays so
  /// when the agent forgets and is told again.
  ///
  /// - Parameter reason: nil ends it.
  /// - Throws: `ConsulError` or `CancellationError`, with nothing changed unless the agent did it
  ///   without telling.
  package func setMaintenance(_ reason: String?) async throws {
    try await client.setMaintenance(registration.id, isOn: reason != nil, reason: reason)
    maintenance.withLock { $0 = reason }
  }

  // MARK: Leaving

  /// Takes this instance out of Consul, unless a newer process owns its id. Works in a cancelled task
  /// too, takes 4 s at most, and never throws: what fails is reported.
  package func deregister() async {
    let client = client
    let id = registration.id
    let boot = boot
    let failure = await Task { () -> ConsulError? in
      var failure: ConsulError?
      for _ in 1...2 {
        do {
          let limit = Self.deregisterCallTimeout
          let found = try await client.agentService(id, timeout: limit)
          if found?.service.meta["boot"] == boot {
            try await client.deregister(id, timeout: limit)
          }
          return nil
        } catch {
          failure = error as? ConsulError ?? .unreachable("\(error)")
        }
      }
      return failure
    }.value
    isHeld.withLock { $0 = false }
    report(failure.map { .deregistrationFailed($0) } ?? .deregistered)
  }
}

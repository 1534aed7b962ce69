import Synchronization

/// What a watch has seen.
package enum WatchEvent: Sendable {
  /// Another list.
  case endpoints([Endpoint])
  /// Consul does not answer, refuses, or has no leader: the list known stays in use. Told at once,
  /// then at most once a minute until it answers again.
  case degraded(reason: ConsulError)
  /// Consul answers again.
  case recovered
  /// Consul knows again what was held.
  case returned
  /// Consul came back without the services it knew: their list stays in use for up to 30 s. Another
  /// list ends that, or `returned`.
  case held
}

/// What a watch has met since its beginning; for metrics.
package struct WatchCounts: Sendable, Equatable {
  /// Lists that differed from the one before.
  package internal(set) var updates = 0
  /// By `ConsulError.category`.
  package internal(set) var errors: [String: Int] = [:]
  /// How often Consul's index went back: its servers had lost their state.
  package internal(set) var indexResets = 0
}

/// Keeps the list of one service's healthy instances by long polls. One for each upstream in a
/// process, shared by all callers: an agent serves a bounded number of connections.
package final class ServiceWatch: Sendable {
  /// Whose instances are watched: `order-service`.
  package let service: String
  private let client: ConsulClient
  private let report: @Sendable (WatchEvent) -> Void

  private struct State {
    var snapshot: EndpointSnapshot
    var counts = WatchCounts()
  }
  private let state: Mutex<State>

  /// - Parameter report: called from `run`, one event after the other.
  package init(
    service: String, client: ConsulClient,
    report: @escaping @Sendable (WatchEvent) -> Void = { _ in }
  ) {
    self.service = service
    self.client = client
    self.report = report
    state = Mutex(State(snapshot: EndpointSnapshot(service: service)))
  }

  /// The list as it is known now. Never waits.
  package var current: EndpointSnapshot { state.withLock(\.snapshot) }

  /// Since the watch was made, whichever loop counted.
  package var counts: WatchCounts { state.withLock(\.counts) }

  // MARK: The loop

  /// Watches until its task is cancelled, which it obeys at once. One loop at a time.
  package func run() async {
    let before = current
    let (client, service) = (client, service)
    await WatchLoop<[Endpoint]> { request in
      let answer = try await client.health(of: service, index: request.index, wait: request.wait)
      return .init(value: answer.endpoints, index: answer.index, hasLeader: answer.hasLeader)
    }.run(known: before.source == .unresolved ? nil : before.endpoints) { event in
      switch event {
      case .found(let finding, let index): take(finding, index: index)
      case .held: report(.held)
      case .returned: report(.returned)
      case .indexWentBack: state.withLock { $0.counts.indexResets += 1 }
      case .failed(let error, let isNews):
        markHeld()
        state.withLock { $0.counts.errors[error.category, default: 0] += 1 }
        if isNews { report(.degraded(reason: error)) }
      case .recovered: report(.recovered)
      }
    }
  }

  private func take(_ finding: WatchState<[Endpoint]>.Finding, index: UInt64) {
    switch finding {
    case .changed(let endpoints):
      state.withLock { state in
        state.counts.updates += 1
        state.snapshot.endpoints = endpoints
        state.snapshot.confirm(index: index)
      }
      report(.endpoints(endpoints))
    case .confirmed:
      state.withLock { $0.snapshot.confirm(index: index) }
    case .held:
      markHeld()
    }
  }

  private func markHeld() {
    state.withLock { state in
      if state.snapshot.source == .live { state.snapshot.source = .held }
    }
  }
}

extension EndpointSnapshot {
  /// Consul has the list as it is here.
  fileprivate mutating func confirm(index: UInt64) {
    self.index = index
    source = .live
    confirmedAt = .now
  }
}

import Synchronization

/// What a watch has seen.
package enum WatchEvent: Sendable {
  /// Another list; its index is Consul's.
  case endpoints([Endpoint], index: UInt64)
  /// Consul does not answer, or has no leader: the list known stays in use. Told at once, then once
  /// a minute.
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
  package internal(set) var indexResets = 0
}

/// Keeps the list of one service's healthy instances by long polls. One for each upstream in a
/// process, shared by all callers: an agent serves a bounded number of connections.
package final class ServiceWatch: Sendable {
  package let service: String
  private let client: ConsulClient
  private let report: @Sendable (WatchEvent) -> Void

  private struct State {
    var snapshot: EndpointSnapshot
    var counts = WatchCounts()
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var ticket = 0
  }
  private let state: Mutex<State>

  private static let waitersMax = 1024

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
      state.withLock { $0.counts.updates += 1 }
      publish { snapshot in
        snapshot.endpoints = endpoints
        snapshot.index = index
        snapshot.source = .live
        snapshot.confirmedAt = .now
      }
      report(.endpoints(endpoints, index: index))
    case .confirmed:
      publish { snapshot in
        snapshot.index = index
        snapshot.source = .live
        snapshot.confirmedAt = .now
      }
    case .held:
      markHeld()
    }
  }

  private func markHeld() {
    state.withLock { state in
      if state.snapshot.source == .live { state.snapshot.source = .held }
    }
  }

  private func publish(_ change: (inout EndpointSnapshot) -> Void) {
    let waiting = state.withLock { state in
      change(&state.snapshot)
      defer { state.waiting = [:] }
      return state.waiting
    }
    for continuation in waiting.values { continuation.resume() }
  }

  // MARK: The first list

  /// The list, as soon as there is one; at once if there is one already.
  ///
  /// - Returns: nil if none came within `limit`, or too many callers wait for it.
  /// - Throws: `CancellationError`.
  package func firstList(within limit: Duration) async throws -> EndpointSnapshot? {
    if let known = resolved { return known }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitForList() }
      group.addTask { try await Task.sleep(for: limit) }
      try await group.next()
      group.cancelAll()
    }
    try Task.checkCancellation()
    return resolved
  }

  private var resolved: EndpointSnapshot? {
    let snapshot = current
    return snapshot.source == .unresolved ? nil : snapshot
  }

  /// Returns when the first list is there, or when cancelled.
  private func waitForList() async {
    let ticket = state.withLock { state in
      state.ticket += 1
      return state.ticket
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state in
          guard state.snapshot.source == .unresolved, state.waiting.count < Self.waitersMax,
            !Task.isCancelled
          else { return false }
          state.waiting[ticket] = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
    }
  }
}

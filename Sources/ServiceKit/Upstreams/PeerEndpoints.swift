import Consul
import Resilience
import Synchronization

/// Where one peer's instances are, as last heard, and which of them is next.
///
/// Heard from Consul while it answers; the last list is kept while it does not; the static table of
/// the settings serves until the first list, and always with `DISCOVERY=static`.
package final class PeerEndpoints: Sendable {
  /// Who told the list.
  package enum Source: String, Encodable, Sendable {
    case consul
    case lastKnown = "last_known"
    case fixed = "static"
  }

  /// How long a call waits at most for the first instance of a peer that has had none yet.
  static let firstInstanceWait: Duration = .milliseconds(500)
  /// How long services may take to start one after the other: afterwards no call waits for a peer
  /// that has never been there.
  static let startMax: Duration = .seconds(30)
  /// How long calls wait for the successor of a peer's last instance, from that one's leaving: it leaves
  /// discovery two seconds before it ends (`DiscoveryStage.linger`), and is started again after that.
  static let successorMax: Duration = .seconds(3)

  let name: String
  let balancer: Balancer

  private struct State {
    var source: Source?
    var heardAt: ContinuousClock.Instant?
    /// Whether discovery ever told of an instance.
    var hasHeardOfInstance = false
    /// When the last instance left; nil while there is one.
    var emptySince: ContinuousClock.Instant?
  }
  private let madeAt: ContinuousClock.Instant
  private let state = Mutex(State())

  init(name: String, fixed: [Settings.Peer], at now: ContinuousClock.Instant = .now) {
    self.name = name
    madeAt = now
    balancer = Balancer()
    if !fixed.isEmpty {
      publish(
        fixed.map {
          Endpoint(id: "\(name)-\($0.host)-\($0.port)", host: $0.host, port: $0.port)
        },
        source: .fixed)
    }
  }

  /// Takes a list from discovery.
  func publish(
    _ endpoints: [Endpoint], source: Source, at now: ContinuousClock.Instant = .now
  ) {
    balancer.update(
      endpoints.map {
        (key: EndpointKey(id: $0.id, host: $0.host, port: $0.port), weight: $0.weight)
      })
    state.withLock {
      $0 = State(
        source: source, heardAt: now,
        hasHeardOfInstance: $0.hasHeardOfInstance || source == .consul && !endpoints.isEmpty,
        emptySince: endpoints.isEmpty ? $0.emptySince ?? now : nil)
    }
  }

  /// Consul stopped answering: what is known stays in use.
  func degrade() {
    state.withLock { if $0.source == .consul { $0.source = .lastKnown } }
  }

  /// Consul answers again, and what is known is what it says.
  func recover() {
    state.withLock { if $0.source == .lastKnown { $0.source = .consul } }
  }

  /// Returns as soon as there is an instance, or after a while without one: where all services start at
  /// once, discovery's first lists are empty, and so is the list while a peer's only instance is
  /// restarted.
  ///
  /// - Parameter limit: the call's whole time, a fifth of which is left to it.
  nonisolated(nonsending) func waitForInstance(atMost limit: Duration) async throws {
    let began = ContinuousClock.now
    while let end = awaited(from: began), .now < min(end, began + limit * 4 / 5) {
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Until when a call that began at `now` should wait for an instance to come; nil if it should not.
  func awaited(from now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    let state = state.withLock { $0 }
    if state.source == .fixed { return nil }
    if state.hasHeardOfInstance { return state.emptySince.map { $0 + Self.successorMax } }
    return now - madeAt < Self.startMax ? now + Self.firstInstanceWait : nil
  }

  /// One entry of `GET /admin/discovery`.
  package struct View: Encodable, Sendable {
    /// One instance as the balancer sees it.
    package struct Instance: Encodable, Sendable {
      /// `name-host-port`, for an instance that registered itself or is in the static table.
      package let id: String
      /// `host:port`, an IPv6 address in brackets.
      package let address: String
      /// Its share of the calls, relative to the others'; 0 gets none unless all have 0.
      package let weight: Int
      /// Whether it is left alone for a while because its attempts failed.
      package let isEjected: Bool
      /// Attempts under way from this process.
      package let inFlight: Int
      /// The moving average of this process's attempts, milliseconds.
      package let latencyMs: Double
    }
    /// The peer: `payment-service`.
    package let service: String
    /// nil before anything was heard of the peer.
    package let source: Source?
    /// Of Consul's latest list; 0 without one.
    package let consulIndex: UInt64
    /// Since the list was last confirmed, a static one since the start; nil before there is one.
    package let ageMs: Int64?
    /// Ejected ones included.
    package let instances: [Instance]
  }

  /// - Parameter heard: what Consul last said, if it was ever asked.
  func view(_ heard: EndpointSnapshot?) -> View {
    let state = state.withLock { $0 }
    return View(
      service: name, source: state.source, consulIndex: heard?.index ?? 0,
      ageMs: (heard?.age() ?? state.heardAt.map { ContinuousClock.now - $0 }).map {
        Int64($0 / .milliseconds(1))
      },
      instances: balancer.readings.map {
        View.Instance(
          id: $0.endpoint.id, address: "\($0.endpoint)", weight: $0.weight, isEjected: $0.isEjected,
          inFlight: $0.inFlight, latencyMs: $0.latency / .milliseconds(1))
      })
  }
}

/// One instance of a service, as a caller needs it.
package struct Endpoint: Sendable, Hashable {
  /// The instance's id in Consul.
  package let id: String
  package let host: String
  package let port: UInt16
  /// Its share of the traffic, relative to its peers'; 0 only when it is alone.
  package let weight: Int
  /// Where it runs, if it says so.
  package let zone: String?

  package init(id: String, host: String, port: UInt16, weight: Int = 1, zone: String? = nil) {
    self.id = id
    self.host = host
    self.port = port
    self.weight = weight
    self.zone = zone
  }

  /// What a request's authority takes.
  package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The instances of one service, as they are known at one moment.
package struct EndpointSnapshot: Sendable {
  package enum Source: String, Sendable {
    /// No list has ever arrived.
    case unresolved
    /// Consul's latest answer.
    case live
    /// The last good list: Consul does not answer, or has forgotten what it knew.
    case held
  }

  package let service: String
  package internal(set) var endpoints: [Endpoint] = []
  /// Consul's index of the list; 0 without one.
  package internal(set) var index: UInt64 = 0
  package internal(set) var source: Source = .unresolved
  /// When Consul last confirmed the list.
  package internal(set) var confirmedAt: ContinuousClock.Instant?

  /// How long ago Consul last confirmed the list; nil if it never did.
  package func age(at now: ContinuousClock.Instant = .now) -> Duration? {
    confirmedAt.map { now - $0 }
  }
}

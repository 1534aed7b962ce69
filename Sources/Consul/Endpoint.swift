/// One instance of a service, as a caller needs it.
package struct Endpoint: Sendable, Hashable {
  /// The instance's id in Consul, or one made like it for an instance that Consul does not know.
  package let id: String
  /// A name or an address. What comes from Consul has no brackets around an IPv6 address.
  package let host: String
  /// Never 0 in a list from Consul.
  package let port: UInt16
  /// Its share of the traffic, relative to its peers'; 0 gets none, unless all have 0.
  package let weight: Int
  /// Where it runs, if it says so (`Meta.zone`). Nothing chooses by it.
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
  /// Whether the list is what Consul has now.
  package enum Source: String, Sendable {
    /// No list has ever arrived.
    case unresolved
    /// Consul's latest answer.
    case live
    /// The last good list: Consul does not answer, or has forgotten what it knew.
    case held
  }

  /// Whose instances these are: `order-service`.
  package let service: String
  /// In the order of their ids; empty also before the first list.
  package internal(set) var endpoints: [Endpoint] = []
  /// Consul's index of the list; 0 without one.
  package internal(set) var index: UInt64 = 0
  /// Set by each answer of Consul and by each poll that fails.
  package internal(set) var source: Source = .unresolved
  /// When Consul last confirmed the list.
  package internal(set) var confirmedAt: ContinuousClock.Instant?

  /// How long ago Consul last confirmed the list; nil if it never did.
  package func age(at now: ContinuousClock.Instant = .now) -> Duration? {
    confirmedAt.map { now - $0 }
  }
}

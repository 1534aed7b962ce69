import HTTPMessages

/// One answer of `GET /v1/health/service/:name`.
package struct HealthAnswer: Sendable {
  /// In the order of their ids, each address once, none without an address or a port.
  package let endpoints: [Endpoint]
  /// X-Consul-Index; 0 if absent or unreadable.
  package let index: UInt64
  /// False while the agent's cluster has no leader: the list may be old.
  package let hasLeader: Bool
}

extension ConsulClient {
  /// The instances of a service.
  ///
  /// - Parameters:
  ///   - index: of the answer last seen: the agent waits for a newer one, up to `wait`. 0 answers at
  ///     once, and is never sent: it would make a busy loop of a poll.
  ///   - onlyPassing: leaves out instances whose checks warn or fail.
  package func health(
    of service: String, index: UInt64 = 0, wait: Duration = .seconds(55), onlyPassing: Bool = true
  ) async throws -> HealthAnswer {
    let isBlocking = index > 0
    let response = try await send(
      .get, ["health", "service", service],
      query: [
        ("passing", onlyPassing ? "1" : nil), ("index", isBlocking ? "\(index)" : nil),
        ("wait", isBlocking ? Self.text(wait) : nil),
      ],
      timeout: isBlocking ? Self.pollTimeout(wait) : Self.plainTimeout)
    let entries = try decode([HealthEntry]?.self, response) ?? []
    return HealthAnswer(
      endpoints: HealthEntry.endpoints(entries),
      index: response.fields["X-Consul-Index"].flatMap { UInt64($0) } ?? 0,
      hasLeader: response.fields["X-Consul-KnownLeader"]?.lowercased() != "false")
  }
}

/// The JSON of one instance.
struct HealthEntry: Decodable {
  struct NodeBody: Decodable {
    let address: String?
  }
  struct WeightsBody: Decodable {
    let passing: Int?
  }
  struct ServiceBody: Decodable {
    let id: String
    let address: String?
    let port: Int?
    let meta: [String: String]?
    let weights: WeightsBody?
    let createIndex: UInt64?
  }
  let node: NodeBody?
  let service: ServiceBody

  /// In the order of their ids; of two at one address the one registered last; without those that
  /// have no address or port.
  static func endpoints(_ entries: [HealthEntry]) -> [Endpoint] {
    var chosen: [String: (endpoint: Endpoint, createIndex: UInt64)] = [:]
    for entry in entries {
      guard let endpoint = entry.endpoint else { continue }
      let createIndex = entry.service.createIndex ?? 0
      if let rival = chosen[endpoint.authority], rival.createIndex > createIndex { continue }
      chosen[endpoint.authority] = (endpoint, createIndex)
    }
    return chosen.values.map(\.endpoint).sorted { ($0.id, $0.authority) < ($1.id, $1.authority) }
  }

  private var endpoint: Endpoint? {
    // An instance registered without an address is at its node's.
    let own = service.address ?? ""
    let host = own.isEmpty ? node?.address ?? "" : own
    guard let port = UInt16(exactly: service.port ?? 0), port != 0, !host.isEmpty else {
      return nil
    }
    return Endpoint(
      id: service.id, host: host, port: port, weight: max(0, service.weights?.passing ?? 1),
      zone: service.meta?["zone"])
  }
}

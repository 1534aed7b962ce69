import HTTPMessages

/// A service as the local agent knows it.
package struct AgentService: Sendable, Equatable {
  /// `ServiceRegistration.id`, where it is one of ours.
  package let id: String
  /// Under which peers look it up: `order-service`.
  package let name: String
  /// Empty for one registered without an address: it is at its node's.
  package let host: String
  /// 0 for one registered without a port.
  package let port: UInt16
  /// `Tags`; `RegistrationVerdict` compares them as a set.
  package let tags: [String]
  /// `Meta`: what whoever registered it wrote there; for ours `boot` is among it.
  package let meta: [String: String]
  /// `Weights.Passing`; 1 for an agent that does not say.
  package let weight: Int
}

extension ConsulClient {
  /// Registers a service with its check, in place of what the id held.
  package func register(_ registration: ServiceRegistration, boot: String) async throws {
    // Without the parameter, a check that is no longer sent would stay for ever.
    _ = try await send(
      .put, ["agent", "service", "register"], query: [("replace-existing-checks", "true")],
      body: try ConsulJSON.encode(RegistrationBody(registration, boot: boot)))
  }

  /// Takes a service off the agent; one that it does not know is success.
  package func deregister(_ id: String, timeout: Duration = plainTimeout) async throws {
    do {
      _ = try await send(.put, ["agent", "service", "deregister", id], timeout: timeout)
    } catch ConsulError.notFound {
      // Newer agents say so; 1.8 answers 200.
    }
  }

  /// `GET /v1/agent/service/:id`.
  ///
  /// - Parameters:
  ///   - hash: of the answer last seen; the agent then waits for another, up to `wait`.
  /// - Returns: nil for an id that the agent does not know.
  package func agentService(
    _ id: String, hash: String? = nil, wait: Duration = .seconds(30),
    timeout: Duration? = nil
  ) async throws -> (service: AgentService, hash: String)? {
    let response: HTTPResponse
    do {
      response = try await send(
        .get, ["agent", "service", id],
        query: [("hash", hash), ("wait", hash.map { _ in Self.text(wait) })],
        timeout: timeout ?? (hash == nil ? Self.plainTimeout : Self.pollTimeout(wait)))
    } catch ConsulError.notFound {
      return nil
    }
    let service = try decode(ServiceBody.self, response).agentService
    return (service, response.fields["X-Consul-ContentHash"] ?? "")
  }

  /// Every service of the local agent.
  package func agentServices() async throws -> [AgentService] {
    let answer = try decode(
      [String: ServiceBody].self, try await send(.get, ["agent", "services"]))
    return answer.values.map(\.agentService)
  }

  /// The ids of the local agent's checks of one service.
  package func agentCheckIDs(of serviceID: String) async throws -> Set<String> {
    struct Check: Decodable {
      let checkID: String
      let serviceID: String?
    }
    let answer = try decode([String: Check].self, try await send(.get, ["agent", "checks"]))
    return Set(answer.values.filter { $0.serviceID == serviceID }.map(\.checkID))
  }

  /// Takes a service out of `?passing` lists without deregistering it, or puts it back.
  package func setMaintenance(_ id: String, isOn: Bool, reason: String? = nil) async throws {
    _ = try await send(
      .put, ["agent", "service", "maintenance", id],
      query: [("enable", isOn ? "true" : "false"), ("reason", reason)])
  }

  /// How long a long poll may last: Consul adds up to a sixteenth of jitter to the wait.
  static func pollTimeout(_ wait: Duration) -> Duration {
    wait + wait / 16 + .seconds(5)
  }
}

/// The agent's JSON of a service.
private struct ServiceBody: Decodable {
  let id: String
  let service: String
  let address: String?
  let port: Int?
  let tags: [String]?
  let meta: [String: String]?
  let weights: WeightsBody?

  struct WeightsBody: Decodable { let passing: Int? }

  var agentService: AgentService {
    AgentService(
      id: id, name: service, host: address ?? "", port: UInt16(exactly: port ?? 0) ?? 0,
      tags: tags ?? [], meta: meta ?? [:], weight: weights?.passing ?? 1)
  }
}

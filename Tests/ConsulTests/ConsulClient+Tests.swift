@testable import Consul

/// What tests ask of an agent besides what the services do.
extension ConsulClient {
  /// `GET /v1/status/leader`: the leader's address, nil while there is none.
  func leader() async throws -> String? {
    let leader = try decode(String.self, try await send(.get, ["status", "leader"]))
    return leader.isEmpty ? nil : leader
  }

  /// `PUT /v1/kv/:key`.
  func setValue(_ value: String, of key: String) async throws {
    _ = try await send(.put, ["kv"] + Self.parts(of: key), body: Array(value.utf8))
  }

  /// `DELETE /v1/kv/:key`; one that is not there is success.
  func removeValue(of key: String) async throws {
    _ = try await send(.delete, ["kv"] + Self.parts(of: key))
  }
}

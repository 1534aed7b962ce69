import Foundation
import HTTPClient
import HTTPMessages

/// HTTP to what listens on 127.0.0.1, without policies: Consul's agent, the services, the peers.
struct Loopback: Sendable {
  let client: CurlClient

  func send(
    _ method: HTTPMethod, _ port: Int, _ target: String, json: String? = nil,
    timeout: Duration = .seconds(15), fields: [(HTTPFieldName, String)] = []
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: Array((json ?? "").utf8))
    request.authority = "127.0.0.1:\(port)"
    request.timeout = timeout
    request.sendsOnFreshConnection = true
    if json != nil { request.fields[.contentType] = "application/json" }
    for (name, value) in fields { request.fields[name] = value }
    return try await client.handle(request)
  }

  /// The answer's body as `Value`; nil when there is no such answer.
  func get<Value: Decodable>(_ port: Int, _ target: String, as: Value.Type = Value.self) async
    -> Value?
  {
    // Whoever asks, asks again.
    guard let answer = try? await send(.get, port, target, timeout: .seconds(2)),
      answer.status == .ok
    else { return nil }
    return try? JSONDecoder().decode(Value.self, from: Data(answer.body))
  }
}

/// Consul's agent as a drill sees it: what it lists, and instances that a drill puts there.
struct Agent: Sendable {
  let port: Int
  let loopback: Loopback

  var address: String { "127.0.0.1:\(port)" }

  private struct Entry: Decodable {
    struct Service: Decodable {
      let id: String
      enum CodingKeys: String, CodingKey { case id = "ID" }
    }
    let service: Service
    enum CodingKeys: String, CodingKey { case service = "Service" }
  }

  var hasLeader: Bool {
    get async { await loopback.get(port, "/v1/status/leader", as: String.self)?.isEmpty == false }
  }

  /// The ids of the instances that pass; nil when the agent does not answer.
  func passing(_ service: String) async -> [String]? {
    let entries = await loopback.get(
      port, "/v1/health/service/\(service)?passing=1", as: [Entry].self)
    return entries?.map(\.service.id).sorted()
  }

  /// Puts an instance there that passes as long as nobody takes it away.
  func register(_ service: String, port instance: Int) async throws {
    let id = Self.id(service, instance)
    let answer = try await loopback.send(
      .put, port, "/v1/agent/service/register",
      json: #"{"ID":"\#(id)","Name":"\#(service)","Address":"127.0.0.1","Port":\#(instance)}"#)
    guard answer.status == .ok else { throw Trouble("Consul refused \(id): \(answer.status.code)") }
  }

  func deregister(_ service: String, port instance: Int) async throws {
    _ = try await loopback.send(
      .put, port, "/v1/agent/service/deregister/\(Self.id(service, instance))")
  }

  /// Who holds the lock of a key, and what is written there.
  struct Lock: Decodable {
    let session: String?
    private let base64: String?

    var value: String? {
      base64.flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    enum CodingKeys: String, CodingKey { case session = "Session", base64 = "Value" }
  }

  /// Nil for a key that is not there, and when the agent does not answer.
  func lock(of key: String) async -> Lock? {
    await loopback.get(port, "/v1/kv/\(key)", as: [Lock].self)?.first
  }

  private static func id(_ service: String, _ port: Int) -> String {
    "\(service)-127.0.0.1-\(port)"
  }
}

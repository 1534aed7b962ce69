import EventLoops
import Foundation
import HTTPClient
import HTTPMessages
import Synchronization

/// The services' routes for administrators, by the example account, where faults are asked for.
final class AdminAPI: Sendable {
  /// A fault to ask for; the services' `FaultRule`.
  struct Rule: Encodable, Sendable, Equatable {
    struct Match: Encodable, Sendable, Equatable {
      let path: String
    }

    let point: String
    let action: String
    var match: Match?
    var nth: [Int]?
    var every: Int?
    var times: Int?
  }

  private struct Account: Encodable {
    let email = "admin@shop.example"
    let password = "admin-minds-the-shop"
  }
  private struct Session: Decodable { let accessToken: String }

  /// Less than a token's life of ten minutes.
  private static let tokenAgeMax: Duration = .seconds(300)
  private static let answerWithin: Duration = .seconds(5)

  private let ports: Ports
  private let client = CurlClient(group: EventLoopGroup(count: 1))
  private let token = Mutex<(text: String, until: ContinuousClock.Instant)?>(nil)

  init(ports: Ports) {
    self.ports = ports
  }

  /// The fault points of a service.
  /// - Throws: `Trouble` when they are not answered.
  func points(of service: String) async throws -> [String] {
    struct Answer: Decodable { let points: [String] }
    return try JSONDecoder().decode(
      Answer.self, from: try await send(.get, "/admin/faults", to: service)
    ).points
  }

  /// - Returns: the rule's id.
  /// - Throws: `Trouble` when the service is not there, or refuses.
  func add(_ rule: Rule, to service: String) async throws -> Int {
    struct Answer: Decodable { let id: Int }
    let body = Array(try JSONEncoder().encode(rule))
    return try JSONDecoder().decode(
      Answer.self, from: try await send(.post, "/admin/faults", to: service, body)
    ).id
  }

  /// Removes all rules of a service.
  /// - Returns: how often each has fired.
  /// - Throws: `Trouble` when the service is not there.
  @discardableResult
  func clear(_ service: String) async throws -> [Int] {
    struct Answer: Decodable {
      struct Rule: Decodable {
        let id: Int
        let fired: Int
      }
      let rules: [Rule]
    }
    let rules = try JSONDecoder().decode(
      Answer.self, from: try await send(.get, "/admin/faults", to: service)
    ).rules
    for rule in rules { _ = try await send(.delete, "/admin/faults/\(rule.id)", to: service) }
    return rules.map(\.fired)
  }

  private func signedIn() async throws -> String {
    if let known = token.withLock({ $0 }), known.until > .now { return known.text }
    let body = Array(try JSONEncoder().encode(Account()))
    let answer = try await exchange(.post, "/sessions", to: "user", body, token: nil)
    let text = try JSONDecoder().decode(Session.self, from: answer).accessToken
    token.withLock { $0 = (text, .now + Self.tokenAgeMax) }
    return text
  }

  /// - Throws: `Trouble` when the service is not there, or refuses.
  func send(
    _ method: HTTPMethod, _ target: String, to service: String, _ body: [UInt8] = []
  ) async throws -> Data {
    try await exchange(method, target, to: service, body, token: try await signedIn())
  }

  private func exchange(
    _ method: HTTPMethod, _ target: String, to service: String, _ body: [UInt8], token: String?
  ) async throws -> Data {
    var request = HTTPRequest(method, target, body: body)
    if !body.isEmpty { request.fields[.contentType] = "application/json" }
    if let token { request.fields[.authorization] = "Bearer \(token)" }
    // Each answer must come from who listens now, not over a connection to who did before.
    request.fields[.connection] = "close"
    request.authority = "127.0.0.1:\(ports[service])"
    request.timeout = Self.answerWithin
    do {
      let response = try await client.handle(request)
      guard response.status.code < 300 else {
        throw Trouble(
          "\(service) refused \(method.rawValue) \(target).",
          evidence: [
            "\(response.status.code)", String(decoding: response.body.prefix(300), as: UTF8.self),
          ])
      }
      return Data(response.body)
    } catch let error as HTTPClientError {
      throw Trouble("\(service) does not answer \(target).", evidence: ["\(error)"])
    }
  }
}

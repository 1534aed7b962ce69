import HTTPMessages
import ServiceKit
import SharedKernel

/// Stripe's API as this service calls it: form-encoded requests with a pinned version, each with the
/// operation's id as `Idempotency-Key`; JSON answers.
struct StripeClient: Sendable {
  /// The version whose answers this reads.
  static let apiVersion = "2024-06-20"

  struct Address: Sendable {
    /// `host:port`.
    let authority: String
    let isSecure: Bool

    static let standard = Address(authority: "api.stripe.com:443", isSecure: true)

    /// nil unless it is `http://host:port` or `https://host[:port]`.
    init?(url: String) {
      let isSecure = url.hasPrefix("https://")
      guard isSecure || url.hasPrefix("http://") else { return nil }
      let authority = url.dropFirst(isSecure ? 8 : 7)
      guard !authority.isEmpty, !authority.contains("/") else { return nil }
      self.isSecure = isSecure
      self.authority =
        authority.contains(":") ? String(authority) : "\(authority):\(isSecure ? 443 : 80)"
    }

    private init(authority: String, isSecure: Bool) {
      self.authority = authority
      self.isSecure = isSecure
    }
  }

  /// What Stripe itself refused, for certain.
  struct Refusal: Error {
    let status: Int
    let code: String
    /// The payment intent that it is about, where Stripe shows it.
    let intent: StripeIntent?
  }

  let http: any HTTPHandler
  let address: Address
  let secretKey: String

  func get<Value: Decodable>(
    _ target: String, within limit: Duration, as type: Value.Type = Value.self
  ) async throws -> Value {
    try await decoded(HTTPRequest(.get, target), within: limit)
  }

  /// - Parameter key: under which the same request is done once, however often it comes.
  /// - Throws: `Refusal` for what would be refused again; `GatewayError` for what tells nothing.
  func post<Value: Decodable>(
    _ target: String, _ form: [(String, String)], key: OperationID, within limit: Duration,
    as type: Value.Type = Value.self
  ) async throws -> Value {
    let pairs = form.map { "\(Self.encoded($0.0))=\(Self.encoded($0.1))" }
    var request = HTTPRequest(.post, target, body: Array(pairs.joined(separator: "&").utf8))
    request.fields[.contentType] = "application/x-www-form-urlencoded"
    request.fields[.idempotencyKey] = key.description
    return try await decoded(request, within: limit)
  }

  private func decoded<Value: Decodable>(
    _ request: HTTPRequest, within limit: Duration
  ) async throws -> Value {
    var request = request
    request.authority = address.authority
    request.isSecure = address.isSecure
    request.timeout = limit
    request.fields[.authorization] = "Bearer \(secretKey)"
    request.fields["Stripe-Version"] = Self.apiVersion
    let answer: HTTPResponse
    do {
      answer = try await http.handle(request)
    } catch let error as CancellationError {
      throw error
    } catch {
      // Whatever broke, Stripe may have done it.
      throw GatewayError.unavailable("Stripe gave no answer: \(error)")
    }
    guard (200..<300).contains(answer.status.code) else { throw try failure(answer) }
    do {
      return try JSONDecoding.decode(Value.self, from: answer.body, allowingUnknown: true)
    } catch {
      throw GatewayError.unavailable("Stripe's answer cannot be read")
    }
  }

  private func failure(_ answer: HTTPResponse) throws -> any Error {
    struct Body: Decodable {
      struct Problem: Decodable {
        let type: String?
        let code: String?
        let declineCode: String?
        let intent: StripeIntent?

        private enum CodingKeys: String, CodingKey {
          case type, code
          case declineCode = "decline_code"
          case intent = "payment_intent"
        }
      }
      let error: Problem
    }
    let status = answer.status.code
    let problem = try? JSONDecoding.decode(
      Body.self, from: answer.body, allowingUnknown: true
    ).error
    // Anything else tells nothing of what Stripe did: it may be a proxy's answer, or be about the way
    // it was asked. (The same key with other parameters is our own mistake: a person has to look.)
    guard let problem, [400, 402, 404].contains(status),
      ["card_error", "invalid_request_error"].contains(problem.type)
    else {
      return GatewayError.unavailable("Stripe answered \(status) \(problem?.type ?? "")")
    }
    return Refusal(
      status: status, code: problem.declineCode ?? problem.code ?? "refused",
      intent: problem.intent)
  }

  private static func encoded(_ text: String) -> String {
    PercentEncoding.encode(queryValue: text)
  }
}

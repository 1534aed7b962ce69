import Foundation
package import HTTPMessages

/// Speaks to one Consul agent. The API is that of Consul 1.8.
package struct ConsulClient: Sendable {
  /// Longer than the 7 s for which an agent holds a request while its cluster has no leader.
  package static let plainTimeout: Duration = .seconds(10)

  private let configuration: ConsulConfiguration
  private let http: any HTTPHandler
  private let token: ConsulToken

  /// - Parameter http: carries the requests; a `CurlClient` with the configuration's `tls`.
  package init(_ configuration: ConsulConfiguration, http: any HTTPHandler) {
    self.configuration = configuration
    self.http = http
    token = ConsulToken(configuration)
  }

  // MARK: Requests

  /// Sends one request and maps its failures.
  ///
  /// - Parameters:
  ///   - path: the segments after `/v1/`, each escaped here.
  ///   - query: names and values; a nil value is left out.
  /// - Returns: a 2xx answer.
  func send(
    _ method: HTTPMethod, _ path: [String], query: [(String, String?)] = [], body: [UInt8] = [],
    timeout: Duration = ConsulClient.plainTimeout
  ) async throws -> HTTPResponse {
    let response = try await answer(
      to: request(method, path, query: query, body: body, timeout: timeout))
    guard let error = ConsulError(status: response.status.code, body: response.body) else {
      return response
    }
    if case .forbidden = error { token.forget() }
    throw error
  }

  /// As `send`, for a question whose answer may be that there is nothing, which is 404.
  func sendAllowingAbsence(
    _ path: [String], query: [(String, String?)], timeout: Duration
  ) async throws -> HTTPResponse {
    let response = try await answer(
      to: request(.get, path, query: query, body: [], timeout: timeout))
    guard response.status != .notFound,
      let error = ConsulError(status: response.status.code, body: response.body)
    else { return response }
    if case .forbidden = error { token.forget() }
    throw error
  }

  private func answer(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      return try await http.handle(request)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw ConsulError.unreachable("\(error)")
    }
  }

  private func request(
    _ method: HTTPMethod, _ path: [String], query: [(String, String?)], body: [UInt8],
    timeout: Duration
  ) -> HTTPRequest {
    var target = configuration.pathPrefix + "/v1"
    for segment in path { target += "/" + PercentEncoding.encode(pathSegment: segment) }
    let scope = [("ns", configuration.namespace), ("partition", configuration.partition)]
    let items = (query + scope).compactMap { name, value in
      value.map { "\(name)=\(PercentEncoding.encode(queryValue: $0))" }
    }
    if !items.isEmpty { target += "?" + items.joined(separator: "&") }
    var request = HTTPRequest(method, target, body: body)
    request.authority = configuration.authority
    request.isSecure = configuration.isSecure
    request.timeout = timeout
    if !body.isEmpty { request.fields[.contentType] = "application/json" }
    if let token = token.current { request.fields["X-Consul-Token"] = token }
    if let credentials = configuration.basicCredentials {
      request.fields[.authorization] =
        "Basic \(Data(credentials.utf8).base64EncodedString())"
    }
    return request
  }

  func decode<Value: Decodable>(_: Value.Type, _ response: HTTPResponse) throws -> Value {
    do {
      return try ConsulJSON.decode(Value.self, response.body)
    } catch {
      throw ConsulError.badAnswer("not the JSON of a \(Value.self)")
    }
  }

  /// A value of the store, as its JSON has it; nil for what is no base 64.
  static func text(base64: String) -> String? {
    Data(base64Encoded: base64).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A duration in Go's syntax.
  static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }
}

import HTTPMessages
import Synchronization

@testable import Consul

/// Answers requests by a script, without a socket.
final class FakeConsul: HTTPHandler {
  private let answer: @Sendable (HTTPRequest) async throws -> HTTPResponse
  private let seen = Mutex<[HTTPRequest]>([])

  init(_ answer: @escaping @Sendable (HTTPRequest) async throws -> HTTPResponse) {
    self.answer = answer
  }

  var requests: [HTTPRequest] { seen.withLock { $0 } }

  func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
    seen.withLock { $0.append(request) }
    return try await answer(request)
  }

  static func json(
    _ text: String, status: Int = 200, index: UInt64? = nil, fields: HTTPFields = .init()
  ) -> HTTPResponse {
    var response = HTTPResponse(HTTPStatus(status), fields: fields, body: Array(text.utf8))
    if let index { response.fields["X-Consul-Index"] = "\(index)" }
    return response
  }
}

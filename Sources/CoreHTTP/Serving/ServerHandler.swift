package import HTTPMessages

/// How much body a request may have.
package enum BodyAdmission: Sendable {
  /// Nobody will read it. A client that waits for a 100 gets its answer instead.
  case unwanted
  /// Whole, up to that many bytes; nil means the server's own limit.
  case whole(bytesMax: Int?)
}

/// How a request is going to be answered.
package enum ServerAnswer: Sendable {
  /// At once: no task is made.
  case ready(HTTPResponse)
  /// By a handler that may suspend; it runs in the connection's task, on the connection's loop.
  case later(PendingAnswer)
}

/// A handler that is still to be called, with the request.
package struct PendingAnswer: Sendable {
  /// To be called with the request and `parameters`.
  package let handle: @Sendable (HTTPRequest, PathParameters) async throws -> HTTPResponse
  /// What the path gave to the route's pattern.
  package let parameters: PathParameters
  /// The pattern of the route whose handler it is.
  package let route: String?
}

/// A handler that knows more about a request than its answer: how long its body may be, and whether
/// the answer can be had without suspending. Both are called on the connection's loop and must not
/// block.
package protocol ServerHandler: HTTPHandler {
  /// Called with a head whose body is still to come.
  func bodyAdmission(for head: HTTPRequest) -> BodyAdmission

  /// Called with a whole request. What it throws is answered 500; a `QueryError` 400.
  func begin(_ request: HTTPRequest) throws -> ServerAnswer
}

extension ServerHandler {
  package func bodyAdmission(for head: HTTPRequest) -> BodyAdmission { .whole(bytesMax: nil) }

  package func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
    switch try begin(request) {
    case .ready(let response): return response
    case .later(let pending):
      var response = try await pending.handle(request, pending.parameters)
      response.route = pending.route ?? response.route
      return response
    }
  }
}

/// Any other handler: every request is answered in a task.
struct SuspendingHandler: ServerHandler {
  let handler: any HTTPHandler

  func begin(_ request: HTTPRequest) -> ServerAnswer {
    .later(
      PendingAnswer(
        handle: { request, _ in try await handler.handle(request) }, parameters: PathParameters(),
        route: nil))
  }
}

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
  /// By work that suspends; it runs in the connection's task, on the connection's loop.
  case later(@Sendable () async throws -> HTTPResponse)
}

/// A handler that knows more about a request than its answer: how long its body may be, and whether
/// the answer can be had without suspending. Both are called on the connection's loop and must not
/// block.
package protocol ServerHandler: HTTPHandler {
  /// Called with a head whose body is still to come.
  func bodyAdmission(for head: HTTPRequest) -> BodyAdmission

  /// Called with a whole request. What it throws is answered 500.
  func begin(_ request: HTTPRequest) throws -> ServerAnswer
}

extension ServerHandler {
  package func bodyAdmission(for head: HTTPRequest) -> BodyAdmission { .whole(bytesMax: nil) }

  package func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
    switch try begin(request) {
    case .ready(let response): response
    case .later(let work): try await work()
    }
  }
}

/// Any other handler: every request is answered in a task.
struct SuspendingHandler: ServerHandler {
  let handler: any HTTPHandler

  func begin(_ request: HTTPRequest) -> ServerAnswer {
    .later { try await handler.handle(request) }
  }
}

import CoreHTTP
import EventLoops
import HTTPMessages
import JSONSyntax

/// The routes that every server of the comparison has, answered at once, and a few that show more of
/// this server.
func benchRoutes() -> Router {
  var router = Router()
  for route in immediateRoutes { router.onSync(route.method, route.pattern, route.handle) }
  for (pattern, handle) in suspendingRoutes { router.on(.get, pattern, handle) }
  return router
}

/// The same as a service has them: each asynchronous and with all that surrounds it, and what is
/// counted at `/metrics`.
func serviceRoutes(_ group: EventLoopGroup) -> (Router, BenchObserver) {
  let surroundings = Surroundings()
  var router = Router()
  for route in immediateRoutes {
    router.on(route.method, route.pattern, surroundings.around { try route.handle($0, $1) })
  }
  for (pattern, handle) in suspendingRoutes {
    router.on(.get, pattern, surroundings.around(handle))
  }
  let observer = BenchObserver(routes: router.routes.map(\.pattern), group: group)
  router.on(.get, "/metrics") { _, _ in
    HTTPResponse(.ok, fields: plain, body: Array(observer.exposition.utf8))
  }
  return (router, observer)
}

private let plain: HTTPFields = [.contentType: "text/plain"]
private let json: HTTPFields = [.contentType: "application/json"]
private let hello = Array("Hello, World!".utf8)

private struct ImmediateRoute: Sendable {
  let method: HTTPMethod
  let pattern: String
  let handle: Router.ImmediateHandler
}

private let immediateRoutes = [
  ImmediateRoute(method: .get, pattern: "/plaintext") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  },
  ImmediateRoute(method: .get, pattern: "/json") { _, _ in
    var message = JSONWriter(capacity: 64)
    message.beginObject()
    message.member("message")
    message.text("Hello, World!")
    message.endObject()
    return HTTPResponse(.ok, fields: json, body: message.bytes)
  },
  ImmediateRoute(method: .post, pattern: "/echo") { request, _ in
    do {
      return HTTPResponse(.ok, fields: json, body: try BenchOrder(json: request.body).json)
    } catch is JSONParseError {
      return ProblemBody.response(.badRequest)
    }
  },
  ImmediateRoute(method: .post, pattern: "/mirror") { request, _ in
    HTTPResponse(.ok, fields: [.contentType: "application/octet-stream"], body: request.body)
  },
  ImmediateRoute(method: .get, pattern: "/endless") { _, _ in
    HTTPResponse(.ok, fields: plain, stream: endless)
  },
]

private let suspendingRoutes: [(pattern: String, handle: Router.Handler)] = [
  // The cost of a handler that may suspend, beside /plaintext.
  ("/plaintext-async", { _, _ in HTTPResponse(.ok, fields: plain, body: hello) }),
  ("/slow", slow),
]

/// For clients that never read.
private let endless = HTTPBodyStream { body in
  let piece = [UInt8](repeating: UInt8(ascii: "."), count: 16 * 1024)
  while true { try await body.write(piece) }
}

/// Answers after as many milliseconds as `ms` says.
@Sendable private func slow(
  _ request: HTTPRequest, _ parameters: PathParameters
) async throws -> HTTPResponse {
  let wanted = try request.queryItems.first { $0.name == "ms" }.flatMap { Int($0.value) }
  guard let wanted, (0...60_000).contains(wanted) else {
    return ProblemBody.response(.badRequest)
  }
  try await EventLoop.current?.sleep(for: .milliseconds(wanted))
  return HTTPResponse(.ok, fields: plain, body: Array("waited \(wanted) ms".utf8))
}

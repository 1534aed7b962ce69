import CoreHTTP
import EventLoops
import HTTPMessages
import JSONSyntax

/// The routes that every server of the comparison has, answered at once, and a few that show more of
/// this server.
func benchRoutes() -> Router {
  var router = Router()
  for route in comparedRoutes { router.onSync(route.method, route.pattern, route.handle) }
  router.onSync(.post, "/mirror") { request, _ in
    HTTPResponse(.ok, fields: [.contentType: "application/octet-stream"], body: request.body)
  }
  // The cost of a handler that may suspend, beside /plaintext.
  router.on(.get, "/plaintext-async") { _, _ in HTTPResponse(.ok, fields: plain, body: hello) }
  router.on(.get, "/slow", slow)
  router.onSync(.get, "/endless") { _, _ in HTTPResponse(.ok, fields: plain, stream: endless) }
  return router
}

/// The same as a service has them: each asynchronous and with all that surrounds it, and what is
/// counted at `/metrics`.
func serviceRoutes(_ group: EventLoopGroup) -> (Router, BenchObserver) {
  let surroundings = Surroundings()
  var router = Router()
  for route in comparedRoutes {
    router.on(route.method, route.pattern, surroundings.around { try route.handle($0, $1) })
  }
  router.on(.get, "/slow", surroundings.around(slow))
  let observer = BenchObserver(routes: router.routes.map(\.pattern), group: group)
  router.on(.get, "/metrics") { _, _ in
    HTTPResponse(.ok, fields: plain, body: Array(observer.exposition.utf8))
  }
  return (router, observer)
}

private let plain: HTTPFields = [.contentType: "text/plain"]
private let json: HTTPFields = [.contentType: "application/json"]
private let hello = Array("Hello, World!".utf8)

private struct ComparedRoute: Sendable {
  let method: HTTPMethod
  let pattern: String
  let handle: Router.ImmediateHandler
}

private let comparedRoutes = [
  ComparedRoute(method: .get, pattern: "/plaintext") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  },
  ComparedRoute(method: .get, pattern: "/json") { _, _ in
    var message = JSONWriter(capacity: 64)
    message.beginObject()
    message.member("message")
    message.text("Hello, World!")
    message.endObject()
    return HTTPResponse(.ok, fields: json, body: message.bytes)
  },
  ComparedRoute(method: .post, pattern: "/echo") { request, _ in
    do {
      return HTTPResponse(.ok, fields: json, body: try BenchOrder(json: request.body).json)
    } catch is JSONParseError {
      return ProblemBody.response(.badRequest)
    }
  },
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

import CoreHTTP
import EventLoops
import HTTPMessages
import JSONSyntax

/// The routes that every server of the comparison has, and a few that show more of this one.
func benchRoutes() -> Router {
  var router = Router()
  let hello = Array("Hello, World!".utf8)
  let plain: HTTPFields = [.contentType: "text/plain"]
  router.onSync(.get, "/plaintext") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  }
  router.onSync(.get, "/json") { _, _ in
    var message = JSONWriter(capacity: 64)
    message.beginObject()
    message.member("message")
    message.text("Hello, World!")
    message.endObject()
    return json(message.bytes)
  }
  router.onSync(.post, "/echo") { request, _ in
    do {
      return json(try BenchOrder(json: request.body).json)
    } catch is JSONParseError {
      return ProblemBody.response(.badRequest)
    }
  }
  router.onSync(.post, "/mirror") { request, _ in
    HTTPResponse(.ok, fields: [.contentType: "application/octet-stream"], body: request.body)
  }
  // The cost of a handler that may suspend, beside /plaintext.
  router.on(.get, "/plaintext-async") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  }
  router.on(.get, "/slow") { request, _ in
    let wanted = try request.queryItems.first { $0.name == "ms" }.flatMap { Int($0.value) }
    guard let wanted, (0...60_000).contains(wanted) else {
      return ProblemBody.response(.badRequest)
    }
    try await EventLoop.current?.sleep(for: .milliseconds(wanted))
    return HTTPResponse(
      .ok, fields: [.contentType: "text/plain"], body: Array("waited \(wanted) ms".utf8))
  }
  return router
}

private func json(_ bytes: [UInt8]) -> HTTPResponse {
  HTTPResponse(.ok, fields: [.contentType: "application/json"], body: bytes)
}

import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization
import Testing

/// Runs `body` beside a server on a free port, then ends the server.
func withServer<Value: Sendable>(
  limits: HTTPLimits = .init(), observer: (any ServerObserver)? = nil,
  handler: (any HTTPHandler)? = nil, _ body: (HTTPServer) async throws -> Value
) async throws -> Value {
  let group = EventLoopGroup(count: 2)
  defer { group.stop() }
  let server = HTTPServer(
    handler: handler ?? testRoutes(), group: group, port: 0, limits: limits, observer: observer)
  try await server.start()
  do {
    let value = try await body(server)
    await server.drain(within: .zero)
    #expect(server.connectionCount == 0)
    return value
  } catch {
    await server.drain(within: .zero)
    throw error
  }
}

/// Runs a client's script on a thread that may block; the connection is closed after it.
@discardableResult
func withClient<Value: Sendable>(
  of server: HTTPServer, _ script: @escaping @Sendable (TestClient) throws -> Value
) async throws -> Value {
  let port = server.port
  return try await clientThreads.run {
    let client = try TestClient(port: port)
    return try script(client)
  }
}

private let clientThreads = BlockingWork(threads: 8, waitingMax: 1000)

/// What the server's failing route throws.
struct RouteFailure: Error {}

/// The routes that the tests call.
func testRoutes() -> Router {
  var router = Router()
  router.onSync(.get, "/hello") { _, _ in text("hello") }
  router.onSync(.post, "/mirror") { request, _ in HTTPResponse(.ok, body: request.body) }
  router.onSync(.post, "/small", bodyBytesMax: 10) { request, _ in
    HTTPResponse(.ok, body: request.body)
  }
  router.onSync(.get, "/number/{n}") { _, parameters in text(parameters["n"] ?? "") }
  router.on(.get, "/later/{n}") { _, parameters in
    await Task.yield()
    return text(parameters["n"] ?? "")
  }
  router.on(.get, "/wait/{ms}") { _, parameters in
    let wait = Int(parameters["ms"] ?? "") ?? 0
    try await EventLoop.current?.sleep(for: .milliseconds(wait))
    return text("waited")
  }
  router.on(.get, "/place") { request, _ in
    let before = EventLoop.current
    await Task.yield()
    return text(
      "\(before != nil && before === EventLoop.current) \(request.peer?.description ?? "")")
  }
  router.onSync(.get, "/bytes/{count}") { _, parameters in
    HTTPResponse(.ok, body: [UInt8](repeating: 0x62, count: Int(parameters["count"] ?? "") ?? 0))
  }
  router.onSync(.get, "/query") { request, _ in
    text(try request.queryItems.map(\.value).joined(separator: ","))
  }
  router.onSync(.get, "/fails") { _, _ in throw RouteFailure() }
  router.on(.get, "/fails-later") { _, _ in throw RouteFailure() }
  router.onSync(.get, "/last") { _, _ in HTTPResponse(.ok, fields: [.connection: "close"]) }
  router.onSync(.delete, "/thing") { _, _ in HTTPResponse(.noContent) }
  return router
}

func text(_ text: String) -> HTTPResponse {
  HTTPResponse(.ok, fields: [.contentType: "text/plain"], body: Array(text.utf8))
}

/// Keeps what the server reports.
final class Recorder: ServerObserver {
  private let exchanges = Mutex<[ServedExchange]>([])

  var served: [ServedExchange] { exchanges.withLock { $0 } }

  func served(_ exchange: ServedExchange) {
    exchanges.withLock { $0.append(exchange) }
  }
}

import CoreHTTP
import HTTPClient
import HTTPMessages
import Postgres
import Testing

@testable import ServiceKit

@Suite("Metrics of requests")
struct RequestMetricsTests {
  let metrics = PrometheusMetrics()

  private var text: String { String(decoding: metrics.text(), as: UTF8.self) }

  @Test("a request is counted by method, route and status, and timed by method and route")
  func record() {
    let pattern = "/products/{id}"
    let requests = RequestMetrics(metrics, routes: [("GET", pattern), ("PATCH", pattern)])
    for (method, status, milliseconds) in [
      ("GET", 200, 3), ("GET", 200, 30), ("GET", 404, 1), ("PATCH", 200, 1),
    ] {
      requests.record(
        route: pattern, method: method, status: status, duration: .milliseconds(milliseconds))
    }
    let labels = "method=\"GET\",route=\"\(pattern)\""
    #expect(text.contains("\nhttp_requests_total{\(labels),status=\"200\"} 2\n"))
    #expect(text.contains("\nhttp_requests_total{\(labels),status=\"404\"} 1\n"))
    #expect(text.contains("\nhttp_request_duration_seconds_bucket{\(labels),le=\"0.005\"} 2\n"))
    #expect(text.contains("\nhttp_request_duration_seconds_count{\(labels)} 3\n"))
  }

  @Test("paths and methods of strangers make no series")
  func unmatched() {
    let requests = RequestMetrics(metrics, routes: [("GET", "/products")])
    requests.record(route: nil, method: "BREW", status: 404, duration: .zero)
    requests.record(route: "/no/such", method: "GET", status: 404, duration: .zero)
    requests.record(route: "/products", method: "BREW", status: 405, duration: .zero)
    requests.record(route: "/products", method: "GET", status: 9999, duration: .zero)
    let other = "\nhttp_requests_total{method=\"other\",route=\"unmatched\""
    #expect(text.contains("\(other),status=\"404\"} 2\n"))
    #expect(text.contains("\(other),status=\"405\"} 1\n"))
    #expect(!text.contains("BREW") && !text.contains("/no/such") && !text.contains("9999"))
  }

  @Test("what a server answers is counted under its route, as the service puts it together")
  func throughAServer() async throws {
    let database = Database(
      try DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1:1/none"), group: KitBench.loops)
    let kit = RequestKit(
      storage: RequestStorage(database: database, fingerprint: { $0 }),
      authenticate: { .service($0) }, logger: KitBench.logger)
    var routes = Routes(kit: kit)
    routes.get("/things/{id}", access: .anyone) { _ in .noContent }
    let server = HTTPServer(
      handler: routes.router, group: KitBench.loops, host: "127.0.0.1", port: 0,
      observer: ExchangeObserver(
        metrics: RequestMetrics(
          metrics, routes: routes.entries.map { ($0.method.rawValue, $0.pattern) }),
        logger: KitBench.logger))
    try await server.start()
    let client = CurlClient(group: KitBench.loops)
    for (method, path) in [(HTTPMethod.get, "/things/1"), (.head, "/things/2"), (.get, "/none")] {
      var request = HTTPRequest(method, path)
      request.authority = "127.0.0.1:\(server.port)"
      _ = try await client.handle(request)
    }
    await server.drain(within: .seconds(5))
    let route = "route=\"/things/{id}\""
    // A HEAD is its route's GET.
    #expect(text.contains("http_requests_total{method=\"GET\",\(route),status=\"204\"} 2\n"))
    #expect(
      text.contains("http_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"} 1\n"))
  }
}

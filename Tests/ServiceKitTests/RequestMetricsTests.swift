import Testing

@testable import ServiceKit

@Suite("Metrics of requests")
struct RequestMetricsTests {
  let metrics = PrometheusMetrics()

  private var text: String { String(decoding: metrics.text(), as: UTF8.self) }

  @Test("a request is counted by method, route and status, and timed by method and route")
  func record() {
    let requests = RequestMetrics(metrics)
    let route = requests.route(method: "GET", pattern: "/products/{id}")
    route.record(status: 200, duration: .milliseconds(3))
    route.record(status: 200, duration: .milliseconds(30))
    requests.record(
      route: "/products/{id}", method: "GET", status: 404, duration: .milliseconds(1))
    let labels = "method=\"GET\",route=\"/products/{id}\""
    #expect(text.contains("\nhttp_requests_total{\(labels),status=\"200\"} 2\n"))
    #expect(text.contains("\nhttp_requests_total{\(labels),status=\"404\"} 1\n"))
    #expect(text.contains("\nhttp_request_duration_seconds_bucket{\(labels),le=\"0.005\"} 2\n"))
    #expect(text.contains("\nhttp_request_duration_seconds_count{\(labels)} 3\n"))
  }

  @Test("paths and methods of strangers make no series")
  func unmatched() {
    let requests = RequestMetrics(metrics)
    requests.record(route: nil, method: "BREW", status: 404, duration: .zero)
    requests.record(route: "/no/such", method: "GET", status: 404, duration: .zero)
    requests.unmatched.record(status: 9999, duration: .zero)
    #expect(
      text.contains(
        "\nhttp_requests_total{method=\"other\",route=\"unmatched\",status=\"404\"} 2\n"))
    #expect(!text.contains("BREW") && !text.contains("/no/such") && !text.contains("9999"))
  }

  @Test("requests in flight go up and down")
  func inFlight() {
    let requests = RequestMetrics(metrics)
    requests.began()
    requests.began()
    requests.ended()
    #expect(text.contains("\nhttp_requests_in_flight 1\n"))
  }
}

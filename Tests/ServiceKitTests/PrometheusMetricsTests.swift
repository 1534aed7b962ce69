import CoreMetrics
import Foundation
import Testing

@testable import ServiceKit

@Suite("Prometheus metrics")
struct PrometheusMetricsTests {
  let metrics = PrometheusMetrics()

  private var text: String { String(decoding: metrics.text(), as: UTF8.self) }

  @Test("counters, gauges, recorders and timers of swift-metrics are shown by their kind")
  func factory() {
    Counter(label: "orders.placed", dimensions: [("channel", "web")], factory: metrics)
      .increment(by: 3)
    Gauge(label: "outbox-head", factory: metrics).record(1.5)
    Meter(label: "queue", factory: metrics).set(7)
    Recorder(label: "batch", factory: metrics).record(30)
    CoreMetrics.Timer(label: "checkout", factory: metrics).recordMilliseconds(20)
    let text = text
    #expect(text.contains("# TYPE orders_placed_total counter\n"))
    #expect(text.contains("\norders_placed_total{channel=\"web\"} 3\n"))
    #expect(text.contains("# TYPE outbox_head gauge\noutbox_head 1.5\n"))
    #expect(text.contains("\nqueue 7\n"))
    #expect(text.contains("\nbatch_bucket{le=\"25\"} 0\nbatch_bucket{le=\"50\"} 1\n"))
    #expect(text.contains("# TYPE checkout_seconds histogram\n"))
    #expect(text.contains("\ncheckout_seconds_bucket{le=\"0.01\"} 0\n"))
    #expect(text.contains("\ncheckout_seconds_bucket{le=\"0.025\"} 1\n"))
    #expect(text.contains("\ncheckout_seconds_bucket{le=\"+Inf\"} 1\n"))
    #expect(text.contains("\ncheckout_seconds_sum 0.02\ncheckout_seconds_count 1\n"))
  }

  @Test("the same name and labels are the same series, in whatever order")
  func sameSeries() {
    metrics.counter("a", help: "h", labels: [("x", "1"), ("y", "2")]).increment()
    metrics.counter("a_total", help: "h", labels: [("y", "2"), ("x", "1")]).increment()
    #expect(text.contains("\na_total{x=\"1\",y=\"2\"} 2\n"))
  }

  @Test("a counter never falls, and a gauge does")
  func cells() {
    let counter = metrics.counter("c", help: "h")
    counter.increment(by: 5)
    counter.increment(by: -3)
    let gauge = metrics.gauge("g", help: "h")
    gauge.increment(by: 2)
    gauge.decrement(by: 3)
    #expect(counter.value == 5)
    #expect(gauge.value == -1)
  }

  @Test("additions of several threads are all counted")
  func concurrency() async {
    let counter = metrics.counter("c", help: "h")
    let gauge = metrics.gauge("g", help: "h")
    let histogram = metrics.histogram("h_seconds", help: "h")
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1000 {
            counter.increment()
            gauge.increment(by: 1)
            histogram.record(0.5)
          }
        }
      }
    }
    #expect(counter.value == 8000)
    #expect(gauge.value == 8000)
    #expect(histogram.snapshot.counts.reduce(0, +) == 8000)
    #expect(histogram.snapshot.sum == 4000)
  }

  @Test("a value on a bound falls into the bucket of that bound")
  func bounds() {
    let histogram = HistogramCell(bounds: [1, 2])
    for value in [1, 1.5, 2, 3, -1, .infinity, .nan] as [Double] { histogram.record(value) }
    #expect(histogram.snapshot.counts == [2, 2, 2])
  }

  @Test("label sets beyond the cap are counted together, and that is counted")
  func labelCap() {
    for index in 0..<PrometheusMetrics.labelSetsMax + 50 {
      metrics.counter("hits", help: "h", labels: [("path", "/\(index)")]).increment()
    }
    let text = text
    #expect(text.contains("\nhits_total{path=\"overflow\"} 50\n"))
    #expect(text.contains("\nmetrics_label_overflow_total 50\n"))
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("hits_total{") }
    #expect(lines.count == PrometheusMetrics.labelSetsMax + 1)
  }

  @Test("a name that has another type already is not shown twice")
  func conflict() {
    metrics.gauge("x", help: "h").set(1.0)
    metrics.histogram("x", help: "h").record(1.0)
    let text = text
    #expect(text.contains("\nx 1\n"))
    #expect(!text.contains("x_bucket"))
    #expect(text.contains("\nmetrics_name_conflicts_total 1\n"))
  }

  @Test("metrics known elsewhere are added at each scrape")
  func collectors() {
    metrics.collect { text in
      text.gauge("breaker_state", help: "State.", [([("target", "payment")], 2)])
      text.counter("retries", help: "Retries.", [([], 4)])
    }
    #expect(text.contains("# TYPE breaker_state gauge\nbreaker_state{target=\"payment\"} 2\n"))
    #expect(text.contains("# TYPE retries_total counter\nretries_total 4\n"))
  }
}

@Suite("Prometheus text")
struct PrometheusTextTests {
  @Test("labels and help are escaped")
  func escaping() {
    var text = PrometheusText()
    text.gauge("g", help: "a\\b\nc \"d\"", [([("l", "q\"b\\n\nü")], 1)])
    #expect(
      String(decoding: text.bytes, as: UTF8.self) == """
        # HELP g a\\\\b\\nc "d"
        # TYPE g gauge
        g{l="q\\"b\\\\n\\nü"} 1

        """)
  }

  @Test(
    "names are made valid",
    arguments: [
      ("orders.placed", "orders_placed"), ("9lives", "_9lives"), ("", "_"), ("a-b c", "a_b_c"),
      ("shop:rate", "shop:rate"),
    ])
  func names(label: String, name: String) {
    #expect(MetricName.plain(label) == name)
  }

  @Test(
    "label names that Prometheus keeps for itself are changed",
    arguments: [("le", "label_le"), ("__name__", "label_name__"), ("a:b", "a_b"), ("ok", "ok")])
  func labelNames(label: String, name: String) {
    #expect(MetricName.label(label) == name)
  }

  @Test("numbers are written as Prometheus reads them")
  func numbers() {
    var text = PrometheusText()
    let values: [Double] = [0, -1, 1e15, 0.1, 1e300, .infinity, -.infinity, .nan]
    text.gauge("g", help: "h", values.map { ([], $0) })
    let lines = String(decoding: text.bytes, as: UTF8.self).split(separator: "\n").dropFirst(2)
    #expect(
      lines.map { $0.dropFirst(2) }
        == ["0", "-1", "1000000000000000", "0.1", "1e+300", "+Inf", "-Inf", "NaN"])
  }

  /// The rules `promtool check metrics` applies to structure.
  @Test("the exposition has HELP, TYPE and whole histograms, each metric once")
  func structure() throws {
    let metrics = PrometheusMetrics()
    let routes = [("GET", "/products"), ("POST", "/orders"), ("GET", "/orders/{id}")]
    let requests = RequestMetrics(metrics, routes: routes)
    for (method, pattern) in routes {
      for status in [200, 404, 503] {
        requests.record(
          route: pattern, method: method, status: status, duration: .milliseconds(3))
      }
    }
    requests.record(route: nil, method: "GET", status: 404, duration: .microseconds(20))
    let exposition = String(decoding: metrics.text(), as: UTF8.self)
    #expect(exposition.hasSuffix("\n"))
    var kinds: [String: String] = [:]
    var current = ""
    for line in exposition.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      let words = line.split(separator: " ")
      if line.hasPrefix("# HELP ") {
        current = String(words[2])
        #expect(kinds[current] == nil, "\(current) comes twice")
        #expect(words.count > 3)
      } else if line.hasPrefix("# TYPE ") {
        #expect(words[2] == current)
        kinds[current] = String(words[3])
        #expect((words[3] == "counter") == current.hasSuffix("_total"))
      } else {
        let sample = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})? (\S+)/
        let match = try #require(try sample.wholeMatch(in: line), "\(line)")
        let name = String(match.1)
        let suffixes = kinds[current] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        #expect(suffixes.contains { name == current + $0 }, "\(line)")
        #expect(Double(match.2) != nil || match.2 == "+Inf", "\(line)")
      }
    }
    #expect(kinds["http_requests_total"] == "counter")
    #expect(kinds["http_request_duration_seconds"] == "histogram")
  }
}

import Synchronization

/// Rate, errors and duration of each route. The cells of every route are made at the start, so that
/// counting a request is one look-up and three additions, without a lock.
package final class RequestMetrics: Sendable {
  private struct Key: Hashable {
    let method: String
    let pattern: String
  }

  private let routes: [Key: RouteMetrics]
  /// Requests of no route: a stranger's paths and methods must not become labels.
  private let unmatched: RouteMetrics

  /// - Parameter routes: all that the service has, each once. HEAD is counted as the GET that answers it.
  package init(_ metrics: PrometheusMetrics, routes: [(method: String, pattern: String)]) {
    var cells: [Key: RouteMetrics] = [:]
    for (method, pattern) in routes {
      let route = RouteMetrics(metrics, method: method, pattern: pattern)
      cells[Key(method: method, pattern: pattern)] = route
      if method == "GET" { cells[Key(method: "HEAD", pattern: pattern)] = route }
    }
    self.routes = cells
    unmatched = RouteMetrics(metrics, method: "other", pattern: "unmatched")
  }

  /// Counts an answered request.
  ///
  /// - Parameters:
  ///   - pattern: its route's; nil is one that matched none.
  ///   - duration: from the whole request to the written answer.
  package func record(route pattern: String?, method: String, status: Int, duration: Duration) {
    let known = pattern.flatMap { routes[Key(method: method, pattern: $0)] }
    (known ?? unmatched).record(status: status, duration: duration)
  }
}

/// The cells of one route.
private final class RouteMetrics: Sendable {
  private let duration: HistogramCell
  private let statuses: StatusCells

  init(_ metrics: PrometheusMetrics, method: String, pattern: String) {
    duration = metrics.histogram(
      "http_request_duration_seconds", help: "Time from a whole request to its answer.",
      labels: [("method", method), ("route", pattern)])
    statuses = StatusCells { status in
      metrics.counter(
        "http_requests_total", help: "Requests answered.",
        labels: [("method", method), ("route", pattern), ("status", status)])
    }
  }

  func record(status: Int, duration: Duration) {
    statuses.increment(status)
    self.duration.record(duration)
  }
}

/// A counter for each status from 100 through 599: made when it first occurs, then found without a
/// lock.
private final class StatusCells: Sendable {
  private static let first = 100
  private static let count = 500

  private let make: @Sendable (String) -> CounterCell
  // Never reassigned; each slot goes once from nil to the cell it then keeps alive.
  private nonisolated(unsafe) let slots: UnsafeMutablePointer<AtomicLazyReference<CounterCell>>

  init(make: @escaping @Sendable (String) -> CounterCell) {
    self.make = make
    slots = .allocate(capacity: Self.count)
    for index in 0..<Self.count { (slots + index).initialize(to: AtomicLazyReference()) }
  }

  deinit {
    slots.deinitialize(count: Self.count)
    slots.deallocate()
  }

  func increment(_ status: Int) {
    let index = status - Self.first
    guard index >= 0, index < Self.count else { return }
    if let cell = slots[index].load() { return cell.increment() }
    slots[index].storeIfNil(make(String(status))).increment()
  }
}

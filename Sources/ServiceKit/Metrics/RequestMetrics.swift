import Synchronization

/// Rate, errors and duration of each route. The cells of a route are made when it is registered, so
/// that counting a request is three additions and no look-up.
///
///     let metrics = requestMetrics.route(method: "GET", pattern: "/products/{id}")   // at start
///     metrics.record(status: 200, duration: elapsed)                                 // per request
package final class RequestMetrics: Sendable {
  private struct Key: Hashable {
    let method: String
    let pattern: String
  }

  private let metrics: PrometheusMetrics
  private let inFlight: GaugeCell
  private let routes = Mutex<[Key: RouteMetrics]>([:])
  /// Requests of no route: a stranger's paths must not become labels.
  package let unmatched: RouteMetrics

  package init(_ metrics: PrometheusMetrics) {
    self.metrics = metrics
    inFlight = metrics.gauge("http_requests_in_flight", help: "Requests being answered.")
    unmatched = RouteMetrics(metrics, method: "other", pattern: "unmatched")
  }

  /// The cells of a route, the same for the same method and pattern.
  package func route(method: String, pattern: String) -> RouteMetrics {
    routes.withLock { routes in
      let key = Key(method: method, pattern: pattern)
      if let route = routes[key] { return route }
      // Routes are the program's own; past the cap of labels they share one series.
      let route = RouteMetrics(metrics, method: method, pattern: pattern)
      routes[key] = route
      return route
    }
  }

  /// Counts a request by its route's pattern; nil is one that matched none. One look-up: prefer a
  /// kept `RouteMetrics`.
  package func record(route pattern: String?, method: String, status: Int, duration: Duration) {
    guard let pattern else { return unmatched.record(status: status, duration: duration) }
    let known = routes.withLock { $0[Key(method: method, pattern: pattern)] }
    (known ?? unmatched).record(status: status, duration: duration)
  }

  package func began() { inFlight.increment(by: 1) }
  package func ended() { inFlight.decrement(by: 1) }
}

/// The cells of one route.
package final class RouteMetrics: Sendable {
  private let duration: HistogramCell
  private let statuses: StatusCells

  init(_ metrics: PrometheusMetrics, method: String, pattern: String) {
    duration = metrics.histogram(
      "http_request_duration_seconds", help: "Time from a request's head to its answer.",
      labels: [("method", method), ("route", pattern)])
    statuses = StatusCells { status in
      metrics.counter(
        "http_requests_total", help: "Requests answered.",
        labels: [("method", method), ("route", pattern), ("status", status)])
    }
  }

  package func record(status: Int, duration: Duration) {
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

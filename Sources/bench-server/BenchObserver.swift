import CoreHTTP
import EventLoops
import HTTPMessages

/// Counts every answer by its route and status, and writes a line of the access log for it.
final class BenchObserver: ServerObserver {
  private let routes: [String: RouteCounts]
  private let unmatched = RouteCounts()
  /// One for each loop.
  private let logs: [AccessLog]

  init(routes patterns: some Sequence<String>, group: EventLoopGroup) {
    routes = Dictionary(patterns.map { ($0, RouteCounts()) }) { first, _ in first }
    logs = group.loops.map { _ in AccessLog() }
    for (loop, log) in zip(group.loops, logs) { loop.execute { log.begin(on: loop) } }
  }

  func served(_ exchange: ServedExchange) {
    let counts = exchange.route.flatMap { routes[$0] } ?? unmatched
    counts.record(exchange.status, exchange.duration)
    if let loop = EventLoop.current { logs[loop.index].add(exchange) }
  }

  /// The counts in Prometheus' text format.
  var exposition: String {
    let all = routes.map { ($0.key, $0.value) } + [("unmatched", unmatched)]
    return all.map { route, counts in counts.exposition(route: route) }.joined()
  }
}

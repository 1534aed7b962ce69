import CoreHTTP
import Logging

/// Sees every answer of the server: counts it, and writes the access log.
final class ExchangeObserver: ServerObserver {
  private let metrics: RequestMetrics
  private let logger: Logger

  init(metrics: RequestMetrics, logger: Logger) {
    self.metrics = metrics
    self.logger = logger
  }

  func served(_ exchange: ServedExchange) {
    let method = exchange.request?.method.rawValue ?? "none"
    metrics.record(
      route: exchange.route, method: method, status: exchange.status.code,
      duration: exchange.duration)
    // Health checks and scrapes come every second or two from each watcher.
    let isRoutine = exchange.route.map(Self.routineRoutes.contains) ?? false
    let level: Logger.Level = isRoutine ? .trace : .debug
    guard logger.logLevel <= level else { return }
    logger.log(
      level: level, "request",
      metadata: [
        "method": "\(method)", "path": "\(exchange.request?.path ?? "")",
        "status": "\(exchange.status.code)", "duration": "\(exchange.duration)",
        "bytes": "\(exchange.responseBodyBytes)",
      ])
  }

  private static let routineRoutes: Set<String> = ["/health/live", "/health/ready", "/metrics"]
}

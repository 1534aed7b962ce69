import EventLoops
import Logging
import Resilience

/// Tells the log what the policies of calls do by themselves: circuits that open and close, instances
/// that are ejected and come back.
struct PolicyLog: Sendable {
  let peer: String
  let logger: Logger

  /// How often the balancer is asked; it keeps its newest 256 events.
  private static let pollInterval: Duration = .seconds(1)

  /// - Parameter target: the peer, or `order-service:feed` for polls of its feed.
  func worker(of breaker: CircuitBreaker, target: String) -> Worker {
    Worker("breaker-\(target)") {
      for await event in breaker.transitions { tell(event.kind, target) }
    }
  }

  func worker(of balancer: Balancer) -> Worker {
    Worker("balancer-\(peer)") {
      while true {
        for event in balancer.takeEvents() { tell(event) }
        if let loop = EventLoop.current {
          try await loop.sleep(for: Self.pollInterval)
        } else {
          try await Task.sleep(for: Self.pollInterval)
        }
      }
    }
  }

  func tell(_ event: CircuitBreakerEvent.Kind, _ target: String) {
    guard
      case .stateTransition(let from, let to, let recorded, let failed, let slow, let openFor) =
        event
    else { return }
    var metadata: Logger.Metadata = [
      "peer": "\(target)", "from": "\(from.rawValue)", "to": "\(to.rawValue)",
      "calls": "\(recorded)", "failed": "\(failed)", "slow": "\(slow)",
    ]
    if let openFor { metadata["openFor"] = "\(openFor)" }
    logger.notice("a circuit breaker changed", metadata: metadata)
  }

  func tell(_ event: BalancerEvent) {
    switch event {
    case .endpointEjected(let endpoint, let reason, let time):
      logger.notice(
        "an instance is left alone",
        metadata: [
          "peer": "\(peer)", "instance": "\(endpoint.id)", "reason": "\(reason.rawValue)",
          "for": "\(time)",
        ])
    case .endpointRestored(let endpoint):
      logger.notice(
        "an instance is back", metadata: ["peer": "\(peer)", "instance": "\(endpoint.id)"])
    case .panicEntered(let healthy, let known):
      logger.warning(
        "too few instances are left: all are asked",
        metadata: ["peer": "\(peer)", "healthy": "\(healthy)", "known": "\(known)"])
    case .panicLeft(let healthy, let known):
      logger.notice(
        "enough instances are back",
        metadata: ["peer": "\(peer)", "healthy": "\(healthy)", "known": "\(known)"])
    case .endpointsChanged: break  // told when discovery says so
    }
  }
}

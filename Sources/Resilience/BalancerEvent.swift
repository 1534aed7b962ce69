/// Something that happened to the endpoints of one upstream.
package enum BalancerEvent: Sendable, Equatable {
  package enum EjectionReason: String, Sendable, CaseIterable {
    case failures
    case connectionLosses = "connection_losses"
    case probeFailed = "probe_failed"
  }

  case endpointEjected(EndpointKey, EjectionReason, for: Duration)
  case endpointRestored(EndpointKey)
  case panicEntered(healthy: Int, known: Int)
  case panicLeft(healthy: Int, known: Int)
  case endpointsChanged(added: [EndpointKey], removed: [EndpointKey])
}

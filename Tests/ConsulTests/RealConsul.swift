import EventLoops
import HTTPClient
import TestSupport

@testable import Consul

/// A client for a real agent.
func client(of consul: PrivateConsul) throws -> ConsulClient {
  ConsulClient(
    try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": consul.address]), http: carrier)
}

/// Carries the requests of all clients.
let carrier = CurlClient(group: EventLoopGroup(count: 1))

/// The agent of the tests that neither stop it nor share a service's name.
func sharedConsul() async throws -> PrivateConsul { try await shared.value }

private let shared = Task { try await PrivateConsul.start() }

/// What a callback has told, in order, for a test to wait for.
final class Told<Event: Sendable>: Sendable {
  let report: @Sendable (Event) -> Void
  private let events: AsyncStream<Event>

  init() {
    let (events, continuation) = AsyncStream<Event>.makeStream()
    self.events = events
    report = { continuation.yield($0) }
  }

  /// Waits for the first event, of those not yet waited for, that fits. The suite's time limit
  /// bounds it.
  @discardableResult
  func wait(for isWanted: (Event) -> Bool) async -> Event? {
    for await event in events where isWanted(event) { return event }
    return nil
  }
}

/// A service's instance as the agent's check sees it: it answers 200.
func readyInstance() throws -> ScriptedServer {
  try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
}

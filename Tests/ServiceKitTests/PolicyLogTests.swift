import Logging
import Resilience
import Synchronization
import Testing

@testable import ServiceKit

struct PolicyLogTests {
  /// Keeps what is logged.
  private struct Keeper: LogHandler {
    final class Lines: Sendable { let all = Mutex<[String]>([]) }
    let lines: Lines
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      let told = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      lines.all.withLock { $0.append(([event.message.description] + told).joined(separator: " ")) }
    }
  }

  private let lines = Keeper.Lines()
  private var log: PolicyLog {
    PolicyLog(peer: "payment-service", logger: Logger(label: "test") { _ in Keeper(lines: lines) })
  }

  @Test("a transition is told with what led to it, a call is not")
  func transition() {
    log.tell(.callNotPermitted(state: .open), "payment-service")
    log.tell(
      .stateTransition(
        from: .closed, to: .open, recorded: 9, failed: 5, slow: 1, openFor: .seconds(5)),
      "payment-service:feed")
    #expect(
      lines.all.withLock { $0 } == [
        "a circuit breaker changed calls=9 failed=5 from=closed openFor=5.0 seconds"
          + " peer=payment-service:feed slow=1 to=open"
      ])
  }

  @Test("an ejection names the instance, the reason and the time")
  func ejection() {
    let endpoint = EndpointKey(id: "payment-service-h-1", host: "h", port: 1)
    log.tell(.endpointEjected(endpoint, .connectionLosses, for: .seconds(10)))
    log.tell(.endpointsChanged(added: [endpoint], removed: []))
    #expect(
      lines.all.withLock { $0 } == [
        "an instance is left alone for=10.0 seconds instance=payment-service-h-1"
          + " peer=payment-service reason=connection_losses"
      ])
  }
}

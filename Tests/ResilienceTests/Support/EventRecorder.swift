import Synchronization

/// Keeps what happened, in order.
final class EventRecorder<Event: Sendable>: Sendable {
  private let recorded = Mutex<[Event]>([])

  var events: [Event] { recorded.withLock { $0 } }

  func record(_ event: Event) {
    recorded.withLock { $0.append(event) }
  }
}

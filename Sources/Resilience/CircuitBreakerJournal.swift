/// Events that happened under the breaker's lock and wait to be told outside it, in order.
///
/// Kept only while somebody listens: without a listener no event is built, and events of single calls
/// only while somebody hears those. Bounded: past `eventsMax` the oldest is dropped and counted.
struct CircuitBreakerJournal: Sendable {
  static let eventsMax = 256

  struct Listener: Sendable {
    let continuation: AsyncStream<CircuitBreakerEvent>.Continuation
    let hearsCalls: Bool

    /// - Returns: whether it lost an older event by this one.
    func take(_ event: CircuitBreakerEvent) -> Bool {
      guard hearsCalls || !event.kind.isOfCall else { return false }
      if case .dropped = continuation.yield(event) { return true }
      return false
    }
  }

  let name: String
  private(set) var dropped = 0
  private(set) var listeners: [Int: Listener] = [:]
  /// Whether some listener wants events of single calls.
  private(set) var hearsCalls = false
  private var pending: [CircuitBreakerEvent] = []
  private var listenersMade = 0
  /// Whether some thread is delivering; it delivers what others add meanwhile.
  private var isDelivering = false

  init(name: String) {
    self.name = name
  }

  var isKept: Bool { !listeners.isEmpty }

  mutating func note(_ kind: CircuitBreakerEvent.Kind, at now: Int64) {
    if pending.count == Self.eventsMax {
      pending.removeFirst()
      dropped += 1
    }
    pending.append(
      CircuitBreakerEvent(name: name, instant: MonotonicInstant(nanoseconds: now), kind: kind))
  }

  mutating func note(
    _ result: CircuitBreakerCore.CallResult, duration: Int64, slow: Bool, errorClass: String,
    at now: Int64
  ) {
    let duration = Duration.nanoseconds(duration)
    switch result {
    case .success: note(.callSucceeded(duration: duration, slow: slow), at: now)
    case .failure:
      note(.callFailed(duration: duration, slow: slow, errorClass: errorClass), at: now)
    case .ignored: note(.callIgnored(duration: duration), at: now)
    }
  }

  // MARK: - Listeners

  mutating func add(
    _ continuation: AsyncStream<CircuitBreakerEvent>.Continuation, hearsCalls: Bool = true
  ) -> Int {
    listenersMade += 1
    listeners[listenersMade] = Listener(continuation: continuation, hearsCalls: hearsCalls)
    self.hearsCalls = self.hearsCalls || hearsCalls
    return listenersMade
  }

  mutating func remove(_ listener: Int) {
    listeners[listener] = nil
    hearsCalls = listeners.values.contains(where: \.hearsCalls)
    if listeners.isEmpty { pending = [] }
  }

  // MARK: - Delivery

  typealias Batch = (events: [CircuitBreakerEvent], listeners: [Listener])

  var needsDelivery: Bool { !pending.isEmpty && !isDelivering }

  /// - Returns: false when there is nothing to deliver, or another thread is at it.
  mutating func beginDelivery() -> Bool {
    guard needsDelivery else { return false }
    isDelivering = true
    return true
  }

  /// What to deliver next; nil when there is nothing left, which ends the delivery.
  mutating func nextBatch() -> Batch? {
    isDelivering = !pending.isEmpty
    guard isDelivering else { return nil }
    defer { pending = [] }
    return (pending, Array(listeners.values))
  }

  mutating func countDropped(_ events: Int) {
    dropped += events
  }
}

import Synchronization

/// Chooses an endpoint of one upstream for each attempt, and learns from how the attempts end.
package final class Balancer: Sendable {
  private let clock: any ResilienceClock
  private let table: Mutex<EndpointTable>

  package init(
    config: BalancerConfig = .http, clock: any ResilienceClock = MonotonicClock(),
    random: RandomSource = RandomSource()
  ) {
    self.clock = clock
    table = Mutex(EndpointTable(config, random: random))
  }

  /// Takes discovery's present list. Weight 0 means never, unless there are no others.
  package func update(_ endpoints: [(key: EndpointKey, weight: Int)]) {
    let now = clock.now.nanoseconds
    table.withLock { $0.update(endpoints, at: now) }
  }

  /// Chooses an endpoint for one attempt; finish the selection with the attempt's outcome.
  ///
  /// - Parameter tried: endpoints this call has tried, avoided while another is selectable.
  /// - Returns: nil when no endpoint is known.
  package func select(
    avoiding tried: [EndpointKey] = []
  ) -> Selection? {
    let now = clock.now.nanoseconds
    return table.withLock { $0.choose(avoiding: tried, at: now) }
      .map { Selection(self, $0, began: now) }
  }

  /// Whether a call that has tried these would find another; for `ServerAdvice.hasOtherEndpoint`.
  package func hasOther(than tried: [EndpointKey]) -> Bool {
    table.withLock { $0.hasOther(than: tried) }
  }

  /// One attempt's endpoint. Dropping it counts as ignored.
  package struct Selection: ~Copyable, Sendable {
    package var endpoint: EndpointKey { choice.key }
    private let balancer: Balancer
    private let choice: EndpointTable.Choice
    private let began: Int64
    private var isFinished = false

    fileprivate init(_ balancer: Balancer, _ choice: EndpointTable.Choice, began: Int64) {
      self.balancer = balancer
      self.choice = choice
      self.began = began
    }

    deinit {
      if !isFinished { balancer.finish(choice, .ignored, began: began, attemptTimeout: 0) }
    }

    /// - Parameters:
    ///   - attemptTimeout: a failed attempt counts as at least as slow as this.
    ///   - isLongPoll: the peer took its time on request, which tells nothing of its speed.
    /// - Returns: whether the endpoint was ejected while the attempt was on its way, by others; for
    ///   `ServerAdvice.isOfEjectedEndpoint`.
    @discardableResult
    package consuming func finish(
      _ outcome: Outcome, attemptTimeout: Duration?, isLongPoll: Bool = false
    ) -> Bool {
      isFinished = true
      return balancer.finish(
        choice, outcome, began: began,
        attemptTimeout: (attemptTimeout ?? .seconds(2)).nanosecondsSaturated,
        isLongPoll: isLongPoll)
    }
  }

  @discardableResult
  private func finish(
    _ choice: EndpointTable.Choice, _ outcome: Outcome, began: Int64, attemptTimeout: Int64,
    isLongPoll: Bool = false
  ) -> Bool {
    let now = clock.now.nanoseconds
    return table.withLock {
      $0.finish(
        choice, outcome, duration: isLongPoll ? nil : now - began,
        attemptTimeout: attemptTimeout, at: now)
    }
  }

  /// What happened since the last call, the newest 256; for logs and counters.
  package func takeEvents() -> [BalancerEvent] { table.withLock { $0.takeEvents() } }

  /// How often endpoints were ejected, by the reason.
  package var ejections: [BalancerEvent.EjectionReason: Int] { table.withLock { $0.ejections } }

  /// Ejections are ignored because too few endpoints are healthy.
  package var isPanicking: Bool { table.withLock { $0.isPanicking } }

  /// One endpoint's state, for the admin pages.
  package struct Reading: Sendable, Equatable {
    package let endpoint: EndpointKey
    package let weight: Int
    package let inFlight: Int
    /// The moving average, decayed to the present.
    package let latency: Duration
    package let isEjected: Bool
  }

  /// Endpoints that have left the list and are still busy with calls.
  package var drainingCount: Int { table.withLock(\.drainingCount) }

  package var readings: [Reading] {
    let now = clock.now.nanoseconds
    return table.withLock { $0.readings(at: now) }
  }
}

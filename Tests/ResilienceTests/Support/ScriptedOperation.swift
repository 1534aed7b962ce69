import Resilience
import Synchronization

/// An operation that ends as scripted, attempt by attempt; the last ending repeats.
final class ScriptedOperation: Sendable {
  struct Failure: OutcomeProviding, Equatable {
    let number: Int
    let outcome: Outcome
  }

  struct Ending: Sendable {
    var outcome: Outcome
    /// How long the attempt takes.
    var work: Duration = .zero
  }

  private struct State: Sendable {
    var contexts: [CallContext] = []
    var began: [MonotonicInstant] = []
  }

  private let endings: [Ending]
  private let clock: ManualClock
  private let state = Mutex(State())

  init(_ endings: [Ending], clock: ManualClock) {
    self.endings = endings
    self.clock = clock
  }

  convenience init(_ outcomes: Outcome..., clock: ManualClock) {
    self.init(outcomes.map { Ending(outcome: $0) }, clock: clock)
  }

  /// The context of each attempt so far.
  var contexts: [CallContext] { state.withLock { $0.contexts } }
  var attempts: Int { contexts.count }
  var began: [MonotonicInstant] { state.withLock { $0.began } }

  /// - Returns: the attempt's number.
  nonisolated(nonsending) func run(_ context: CallContext) async throws -> Int {
    let now = clock.now
    let number = state.withLock { state in
      state.contexts.append(context)
      state.began.append(now)
      return state.contexts.count
    }
    let ending = endings[min(number, endings.count) - 1]
    if ending.work > .zero { try await clock.sleep(until: now + ending.work) }
    if ending.outcome == .success { return number }
    throw Failure(number: number, outcome: ending.outcome)
  }
}

import Synchronization

/// Lets buyers buy back to back: each begins its next visit as soon as it has the answer to the last. So
/// the shop decides how fast they come, and the rate of answers is what it can do with so many at once.
/// How long a customer waits when more come than that, only `OpenLoop` tells.
struct ClosedLoop: Sendable {
  let buyers: Int
  /// How long visits are begun; those under way then are waited for.
  let duration: Duration

  /// - Parameter visit: is told which visit it is, from 0.
  /// - Returns: the visits, in no order.
  func run<Outcome: Sendable>(
    _ visit: @escaping @Sendable (Int) async -> Outcome
  ) async -> [Outcome] {
    let next = Counter()
    let end = ContinuousClock.now + duration
    return await withTaskGroup(of: [Outcome].self) { group in
      for _ in 0..<buyers {
        group.addTask {
          var outcomes: [Outcome] = []
          while ContinuousClock.now < end, !Task.isCancelled {
            outcomes.append(await visit(next.take()))
          }
          return outcomes
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
  }

  private final class Counter: Sendable {
    private let taken = Atomic(0)

    func take() -> Int { taken.wrappingAdd(1, ordering: .relaxed).oldValue }
  }
}

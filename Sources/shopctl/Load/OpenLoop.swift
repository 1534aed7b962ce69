import Synchronization

/// Lets purchases happen when they are due, whether or not earlier ones have been answered.
///
/// Each of `buyers` does one after another: it takes the next purchase and waits until that is due. When
/// all of them still wait for answers, a purchase begins late, and its latency counts from when it was
/// due: a shop that stalls for a second is charged for all that was due in that second (Gil Tene's
/// "coordinated omission").
struct OpenLoop: Sendable {
  let purchases: [Purchase]
  /// How many visits may be under way at once.
  let buyers: Int

  /// One visit's outcome and times.
  struct Visit<Outcome: Sendable>: Sendable {
    let purchase: Purchase
    let outcome: Outcome
    /// From when it was due to when it began: the wait for a free buyer.
    let lateness: Duration
    /// From when it was due to its end.
    let latency: Duration
  }

  /// - Returns: the visits, in no order; fewer than purchases only if the task was cancelled.
  func run<Outcome: Sendable>(
    since start: ContinuousClock.Instant,
    _ visit: @escaping @Sendable (Purchase) async -> Outcome
  ) async -> [Visit<Outcome>] {
    let next = Counter()
    return await withTaskGroup(of: [Visit<Outcome>].self) { group in
      for _ in 0..<min(buyers, purchases.count) {
        group.addTask {
          var visits: [Visit<Outcome>] = []
          while let purchase = next.take(of: purchases), !Task.isCancelled {
            let due = start + purchase.due
            // Cancelled, the loop ends at its next turn.
            try? await Task.sleep(until: due, tolerance: .zero, clock: .continuous)
            let began = ContinuousClock.now
            let outcome = await visit(purchase)
            visits.append(
              Visit(
                purchase: purchase, outcome: outcome, lateness: began - due,
                latency: ContinuousClock.now - due))
          }
          return visits
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
  }

  private final class Counter: Sendable {
    private let taken = Atomic(0)

    func take(of purchases: [Purchase]) -> Purchase? {
      let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
      return index < purchases.count ? purchases[index] : nil
    }
  }
}

/// Up to where the catalogue's changes have been heard of. Apart from the asking, so that it can be tested.
struct SeenChanges {
  /// Whose changes had been seen: what `pg_current_snapshot` tells. Numbers of transactions have 64 bits.
  struct Snapshot: Equatable {
    /// Transactions before it had all ended.
    let oldest: String
    /// From this one on none had ended.
    let next: String
    /// Those in between that had not ended.
    let running: [String]

    /// - Parameter text: `oldest:next:running,running`.
    init?(_ text: String) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
      oldest = String(parts[0])
      next = String(parts[1])
      running = parts[2].split(separator: ",").map(String.init)
    }
  }

  /// A question about changes, as it was when it was asked.
  struct Question {
    /// Changes that this snapshot did not show are wanted; nil for none.
    let since: Snapshot?
    fileprivate let era: Int
  }

  /// What to make of an answer.
  enum Verdict {
    /// It names all that has changed.
    case changes
    /// Anything may have changed.
    case everything
    /// Anything may have changed while it was under way: ask again.
    case askAgain
  }

  /// A standby cannot tell, and would say so each time.
  static let pause: Duration = .seconds(1)

  private var snapshot: Snapshot?
  /// The server's, for which the numbers of transactions are comparable.
  private var run: String?
  /// Counts how often anything may have changed.
  private var era = 0
  private var pausedUntil: ContinuousClock.Instant?

  /// - Returns: nil while nothing is to be asked; then nothing is known.
  func question(at now: ContinuousClock.Instant) -> Question? {
    if let pausedUntil, now < pausedUntil { return nil }
    return Question(since: snapshot, era: era)
  }

  mutating func pause(at now: ContinuousClock.Instant) {
    pausedUntil = now + Self.pause
  }

  /// - Parameters:
  ///   - snapshot: what the answer has seen.
  ///   - isWhole: whether it names all changes.
  mutating func take(
    _ snapshot: Snapshot, ofRun run: String, isWhole: Bool, for question: Question
  ) -> Verdict {
    guard question.era == era else { return .askAgain }
    self.snapshot = snapshot
    if run == self.run, isWhole { return .changes }
    self.run = run
    era += 1
    return .everything
  }
}

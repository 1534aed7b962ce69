/// What a watch of one service or key knows and asks next: the decisions of the loop, without its I/O.
///
/// Consul's index tells lists apart, but only while the servers keep their state: after a restart it
/// begins anew, and an index from before would make a poll wait for its whole time and miss every
/// change. So it is dropped after any failure and whenever it goes back. A fresh agent answers with
/// an empty list before the services have registered again: that list is not believed for a while.
struct WatchState<Value: Watched> {
  /// How long what is known is held against nothing from a Consul that has just come back.
  static var holdMax: Duration { .seconds(30) }
  static var wait: Duration { .seconds(55) }
  /// One read that does not wait, against whatever a long poll may have missed.
  static var safetyReadEvery: Duration { .seconds(300) }

  struct Request: Equatable {
    /// 0: answer at once.
    var index: UInt64
    var wait: Duration
  }

  /// What an answer means.
  enum Finding: Equatable {
    /// Another list or value than before.
    case changed(Value)
    /// What is known is what Consul has.
    case confirmed
    /// Nothing, which is not believed yet.
    case held
  }

  /// Nil until the first answer.
  private(set) var known: Value?
  private(set) var index: UInt64 = 0
  /// How often the index went back.
  private(set) var indexResets = 0
  private var isRegressed: Bool
  private var holdUntil: ContinuousClock.Instant?
  private var nextSafetyRead: ContinuousClock.Instant

  /// - Parameter known: of an earlier loop. Nobody watched since, so Consul may have lost
  ///   its state meanwhile.
  init(known: Value? = nil, at now: ContinuousClock.Instant) {
    self.known = known
    isRegressed = known != nil
    nextSafetyRead = now + Self.safetyReadEvery
  }

  mutating func nextRequest(at now: ContinuousClock.Instant) -> Request {
    if now >= nextSafetyRead {
      nextSafetyRead = now + Self.safetyReadEvery
      return Request(index: 0, wait: Self.wait)
    }
    guard let holdUntil else { return Request(index: index, wait: Self.wait) }
    return Request(index: index, wait: max(.milliseconds(1), holdUntil - now))
  }

  mutating func received(
    _ value: Value, index newIndex: UInt64, at now: ContinuousClock.Instant
  ) -> Finding {
    if newIndex < index {
      isRegressed = true
      indexResets += 1
      index = 0
    } else {
      // 0 would not wait.
      index = max(1, newIndex)
    }
    if value.isAbsent, let known, !known.isAbsent, isRegressed {
      let until = holdUntil ?? now + Self.holdMax
      if now < until {
        holdUntil = until
        return .held
      }
    }
    isRegressed = false
    holdUntil = nil
    guard value != known else { return .confirmed }
    known = value
    return .changed(value)
  }

  /// A transport error, another status than 200, or an answer without a leader.
  mutating func failed() {
    index = 0
    isRegressed = true
    holdUntil = nil
  }
}

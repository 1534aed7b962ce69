/// What a watch of one service knows and asks next: the decisions of the loop, without its I/O.
///
/// Consul's index tells lists apart, but only while the servers keep their state: after a restart it
/// begins anew, and an index from before would make a poll wait for its whole time and miss every
/// change. So it is dropped after any failure and whenever it goes back. A fresh agent answers with
/// an empty list before the services have registered again: that list is not believed for a while.
struct WatchState {
  /// How long a list is held against an empty one from a Consul that has just come back.
  static let holdMax: Duration = .seconds(30)
  static let wait: Duration = .seconds(55)
  /// One read that does not wait, against whatever a long poll may have missed.
  static let safetyReadEvery: Duration = .seconds(300)

  struct Request: Equatable {
    /// 0: answer at once.
    var index: UInt64
    var wait: Duration
  }

  /// What an answer means.
  enum Finding: Equatable {
    /// Another list than before.
    case changed([Endpoint])
    /// The list known is Consul's list.
    case confirmed
    /// An empty list, not believed yet.
    case held
  }

  /// Nil until the first list.
  private(set) var known: [Endpoint]?
  private(set) var index: UInt64 = 0
  /// How often the index went back.
  private(set) var indexResets = 0
  private var isRegressed: Bool
  private var holdUntil: ContinuousClock.Instant?
  private var nextSafetyRead: ContinuousClock.Instant

  /// - Parameter known: the list of an earlier loop. Nobody watched since, so Consul may have lost
  ///   its state meanwhile.
  init(known: [Endpoint]? = nil, at now: ContinuousClock.Instant) {
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
    _ list: [Endpoint], index newIndex: UInt64, at now: ContinuousClock.Instant
  ) -> Finding {
    if newIndex < index {
      isRegressed = true
      indexResets += 1
      index = 0
    } else {
      // 0 would not wait.
      index = max(1, newIndex)
    }
    if list.isEmpty, let known, !known.isEmpty, isRegressed {
      let until = holdUntil ?? now + Self.holdMax
      if now < until {
        holdUntil = until
        return .held
      }
    }
    isRegressed = false
    holdUntil = nil
    guard list != known else { return .confirmed }
    known = list
    return .changed(list)
  }

  /// A transport error, another status than 200, or an answer without a leader.
  mutating func failed() {
    index = 0
    isRegressed = true
    holdUntil = nil
  }
}

/// The permits and results of one half-open period.
///
/// Each permit has a slot with its lease. A slot is used again only after its permit was given back
/// unused, so a late result of an expired permit finds its slot closed and changes nothing.
struct HalfOpenTrial: Sendable {
  private enum Slot {
    static let free: Int64 = .min
    static let closed: Int64 = .max
  }

  private let rules: CircuitBreakerRules
  /// When each permit's lease ends, or one of `Slot`.
  private var slots: [Int64]
  private(set) var entered: Int64 = 0
  /// Permits handed out and not given back, with or without a result.
  private(set) var issued = 0
  private(set) var counts = WindowCounts()

  init(_ rules: CircuitBreakerRules) {
    self.rules = rules
    slots = Array(repeating: Slot.free, count: rules.halfOpenPermits)
  }

  /// Permits that wait for their result.
  var outstanding: Int { issued - counts.recorded }

  mutating func begin(at now: Int64) {
    for index in slots.indices { slots[index] = Slot.free }
    entered = now
    issued = 0
    counts = WindowCounts()
  }

  /// A slot for one more call, or nil when all permits are issued.
  mutating func issue(leaseUntil end: Int64) -> Int? {
    // As many slots as permits, and a slot is free again only when its permit was given back.
    guard let slot = slots.firstIndex(of: Slot.free) else { return nil }
    slots[slot] = min(end, Slot.closed - 1)
    issued += 1
    return slot
  }

  /// - Returns: false when the lease had ended before.
  mutating func giveBack(_ slot: Int) -> Bool {
    guard slots[slot] != Slot.closed else { return false }
    slots[slot] = Slot.free
    issued -= 1
    return true
  }

  /// - Returns: false when the lease had ended before.
  mutating func record(_ slot: Int, failed: Bool, slow: Bool) -> Bool {
    guard slots[slot] != Slot.closed else { return false }
    slots[slot] = Slot.closed
    counts.add(failed: failed, slow: slow)
    return true
  }

  /// What happened by itself up to `now`, the earliest first.
  enum Expiry {
    case lease(slot: Int, at: Int64)
    case wholeTrial(at: Int64)
  }

  func firstExpiry(upTo now: Int64) -> Expiry? {
    let trialEnd = entered.saturatingAdd(rules.halfOpenWaitMax)
    var first: Expiry? = trialEnd <= now && trialEnd != .max ? .wholeTrial(at: trialEnd) : nil
    var firstEnd = first == nil ? Int64.max : trialEnd
    for (slot, end) in slots.enumerated()
    where end != Slot.free && end != Slot.closed && end <= now && end < firstEnd {
      first = .lease(slot: slot, at: end)
      firstEnd = end
    }
    return first
  }

  enum Verdict { case close, reopen }

  /// nil while more results are needed.
  var verdict: Verdict? {
    let needed = rules.halfOpenResults
    let missing = needed - counts.recorded
    guard missing > 0 else {
      return exceeds(failed: counts.failed, slow: counts.slow) ? .reopen : .close
    }
    guard rules.decidesEarly else { return nil }
    if exceeds(failed: counts.failed, slow: counts.slow) { return .reopen }
    if !exceeds(failed: counts.failed + missing, slow: counts.slow + missing) { return .close }
    return nil
  }

  /// Whether so many of the needed results reach a threshold.
  private func exceeds(failed: Int, slow: Int) -> Bool {
    let recorded = max(counts.recorded, rules.halfOpenResults)
    return WindowCounts(recorded: recorded, failed: failed, slow: slow).isOver(rules)
  }
}

extension WindowCounts {
  fileprivate func isOver(_ rules: CircuitBreakerRules) -> Bool {
    failureRateReaches(percent: rules.failureRateThreshold)
      || slowRateReaches(percent: rules.slowCallRateThreshold)
  }
}

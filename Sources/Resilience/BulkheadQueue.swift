/// The bulkhead's bookkeeping, apart from clock and lock: who runs, who waits, in which order.
struct BulkheadQueue: Sendable {
  /// How a wait ended.
  enum Ending: Sendable { case admitted, full, cancelled, timedOut }

  typealias Continuation = CheckedContinuation<Ending, Never>

  private struct Waiter: Sendable {
    let ticket: UInt64
    let continuation: Continuation
  }

  let concurrentMax: Int
  let waitersMax: Int
  private(set) var running = 0
  private var waiters: [Waiter] = []
  private var ticketsMade: UInt64 = 0

  init(concurrentMax: Int, waitersMax: Int) {
    self.concurrentMax = concurrentMax
    self.waitersMax = waitersMax
  }

  var waiting: Int { waiters.count }

  /// Takes a place if one is free. Then nobody waits for it: a place that is left is handed on
  /// without becoming free.
  mutating func enter() -> Bool {
    guard running < concurrentMax else { return false }
    running += 1
    return true
  }

  mutating func makeTicket() -> UInt64 {
    ticketsMade += 1
    return ticketsMade
  }

  /// Joins the end of the queue.
  ///
  /// - Returns: nil when queued; otherwise how the wait ended before it began.
  mutating func join(_ ticket: UInt64, _ continuation: Continuation) -> Ending? {
    if enter() { return .admitted }
    guard waiters.count < waitersMax else { return .full }
    waiters.append(Waiter(ticket: ticket, continuation: continuation))
    return nil
  }

  /// Leaves the queue without a place; nil when the waiter is not in it (any more).
  mutating func giveUp(_ ticket: UInt64) -> Continuation? {
    guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
    return waiters.remove(at: index).continuation
  }

  /// Frees a place, or hands it to who has waited longest.
  mutating func leave() -> Continuation? {
    guard !waiters.isEmpty else {
      running -= 1
      return nil
    }
    return waiters.removeFirst().continuation
  }
}

/// One action at one time on one loop. Made by `EventLoop.schedule`; belongs to that loop's thread.
package final class LoopTimer {
  let deadline: MonotonicTime
  var action: (() -> Void)?
  private unowned let loop: EventLoop

  init(deadline: MonotonicTime, action: @escaping () -> Void, loop: EventLoop) {
    self.deadline = deadline
    self.action = action
    self.loop = loop
  }

  /// The action will not run, and is freed now. A second call, or one after it ran, does nothing.
  package func cancel() {
    guard action != nil else { return }
    action = nil
    loop.noteCancelledTimer()
  }
}

/// A timer's place in the heap: earlier first, then in the order of scheduling.
struct TimerEntry: Comparable {
  let deadline: MonotonicTime
  let sequence: UInt64
  let timer: LoopTimer

  static func < (left: TimerEntry, right: TimerEntry) -> Bool {
    left.deadline == right.deadline
      ? left.sequence < right.sequence : left.deadline < right.deadline
  }

  static func == (left: TimerEntry, right: TimerEntry) -> Bool {
    left.sequence == right.sequence
  }
}

/// One action at one time on one loop. Made by `EventLoop.schedule`; belongs to that loop's thread.
package final class LoopTimer {
  let deadline: MonotonicTime
  var action: (() -> Void)?

  init(deadline: MonotonicTime, action: @escaping () -> Void) {
    self.deadline = deadline
    self.action = action
  }

  /// The action will not run, and is freed now. A second call, or one after it ran, does nothing.
  package func cancel() {
    action = nil
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

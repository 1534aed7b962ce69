import CEpoll
import Synchronization

/// The process's event loops: one per core, started together.
package final class EventLoopGroup: Sendable {
  /// In the order of their `index`.
  package let loops: [EventLoop]
  private let turn = Atomic<Int>(0)

  /// - Parameter count: how many loops; nil means one for each processor this process may use.
  package init(count: Int? = nil) {
    loops = (0..<max(1, count ?? Int(cepoll_processor_count()))).map(EventLoop.init(index:))
    for loop in loops { loop.start() }
  }

  /// The loop that runs this code, if it is one of these; else the next in turn.
  package var preferred: EventLoop {
    if let current = EventLoop.current, current.index < loops.count,
      loops[current.index] === current
    {
      return current
    }
    let position = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    return loops[Int(UInt(bitPattern: position) % UInt(loops.count))]
  }

  /// Ends all loops after their present turns; see `EventLoop.stop`.
  package func stop() {
    for loop in loops { loop.stop() }
  }
}

import Dispatch
import Glibc
import Synchronization

/// The first SIGTERM or SIGINT begins an orderly end; a second one of either ends the process at once,
/// with status 1. ServiceLifecycle takes care of the first only.
struct SecondSignal: ~Copyable {
  private let sources: [any DispatchSourceSignal]

  /// From now on, for as long as the value lives.
  init() {
    let count = Counter()
    sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { count.add() }
      source.activate()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }

  private final class Counter: Sendable {
    private let count = Atomic(0)

    func add() {
      if count.add(1, ordering: .relaxed).newValue > 1 { exit(1) }
    }
  }
}

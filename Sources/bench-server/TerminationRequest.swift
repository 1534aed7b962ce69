import Dispatch
import Glibc

/// Returns when the process is asked to end (SIGTERM, or SIGINT from a terminal).
func terminationRequested() async {
  let signals = [SIGTERM, SIGINT].map { number in
    signal(number, SIG_IGN)
    return DispatchSource.makeSignalSource(signal: number)
  }
  let (requests, request) = AsyncStream.makeStream(of: Void.self)
  for source in signals {
    source.setEventHandler { request.yield() }
    source.activate()
  }
  for await _ in requests { break }
  for source in signals { source.cancel() }
}

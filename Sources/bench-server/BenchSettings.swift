import Dispatch
import Glibc

/// What the command line and the environment say.
struct BenchSettings {
  var host = "127.0.0.1"
  var port: UInt16 = 8080
  /// Answers as a service does; see `BenchRoutes`.
  var isService = false
  /// nil: one for each processor.
  var loops: Int?

  /// - Returns: nil for arguments that are none.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let name = rest.popFirst() {
      if name == "--service" {
        isService = true
        continue
      }
      switch (name, rest.popFirst()) {
      case ("--host", let value?): host = value
      case ("--port", let value?):
        guard let number = UInt16(value) else { return nil }
        port = number
      default: return nil
      }
    }
    loops = getenv("THREADS").flatMap { Int(String(cString: $0)) }
  }
}

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

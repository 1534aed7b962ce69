import CoreHTTP
import EventLoops
import Glibc
import HTTPMessages

// A server for benchmarks: `bench-server --port N`. THREADS is the number of event loops (default:
// one for each processor). With `--service` it is the real configuration: every handler asynchronous,
// with request ids, deadlines and a limit to the load around it, metrics and the access log on.

guard let settings = BenchSettings(CommandLine.arguments.dropFirst()) else {
  print(
    """
    usage: bench-server [--host ADDRESS] [--port N] [--service] [--limit NAME=N]...
    environment: THREADS=N        limits: \(BenchSettings.limitNames.joined(separator: " "))
    """)
  exit(64)
}
let group = EventLoopGroup(count: settings.loops)
let (router, observer) = settings.isService ? serviceRoutes(group) : (benchRoutes(), nil)
let server = HTTPServer(
  handler: router, group: group, host: settings.host, port: settings.port,
  limits: settings.limits, observer: observer)
do {
  try await server.start()
} catch {
  print("bench-server cannot start: \(error)")
  exit(1)
}
print("bench-server listens on \(settings.host):\(server.port) with \(group.loops.count) loops")
// The access log's reader may go; that is no reason to end.
signal(SIGPIPE, SIG_IGN)
// Whoever started it may wait for this line at the other end of a pipe.
fflush(nil)
await terminationRequested()
await server.drain(within: .seconds(2))

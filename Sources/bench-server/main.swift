import CoreHTTP
import EventLoops
import Glibc
import HTTPMessages

// A server for benchmarks: `bench-server --port N`. THREADS is the number of event loops (default:
// one for each processor).

guard let settings = BenchSettings(CommandLine.arguments.dropFirst()) else {
  print("usage: bench-server [--host ADDRESS] [--port N]      environment: THREADS=N")
  exit(64)
}
let group = EventLoopGroup(count: settings.loops)
let server = HTTPServer(
  handler: benchRoutes(), group: group, host: settings.host, port: settings.port)
do {
  try await server.start()
} catch {
  print("bench-server cannot start: \(error)")
  exit(1)
}
print("bench-server listens on \(settings.host):\(server.port) with \(group.loops.count) loops")
// Whoever started it may wait for this line at the other end of a pipe.
fflush(nil)
await terminationRequested()
await server.drain(within: .seconds(2))

import EventLoops
import Glibc

// Hostile clients against a server of this project's, with an ordinary client beside them:
// `hostile-load PATH-OF-BENCH-SERVER`. Prints a table; exits 1 when a bound is missed, 70 when the
// suite itself fails. Takes about half a minute. `./shop test hostile` builds and runs it.

guard CommandLine.arguments.count == 2 else {
  print("usage: hostile-load PATH-OF-BENCH-SERVER")
  exit(64)
}
// Up to a thousand connections at once, and as many in the server, which inherits it.
var limits = rlimit()
getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)
limits.rlim_cur = min(16_384, limits.rlim_max)
setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limits)

let loop = EventLoopGroup(count: 1).loops[0]
let program = CommandLine.arguments[1]
let suite = Task(executorPreference: loop) {
  try await Suite(program: program, loop: loop).run()
}
do {
  let table = Table(rows: try await suite.value)
  print("the server's limits: \(ServerProcess.limits.joined(separator: " "))\n")
  print(table.text)
  exit(table.isGood ? 0 : 1)
} catch {
  print("hostile-load: \(error)")
  exit(70)
}

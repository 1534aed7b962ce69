import Glibc
import Resilience

// A benchmark of the module Resilience, in process and on one thread: `bench-resilience` measures each
// call once and prints one line of JSON. Heap allocations are counted when
// Benchmarks/resilience/allocations.c is preloaded.

guard let settings = BenchSettings(CommandLine.arguments.dropFirst()) else {
  print(
    """
    usage: bench-resilience [--milliseconds N] [--calls NAME,NAME]
    calls: \(BenchCall.allCases.map(\.rawValue).joined(separator: " "))
    """)
  exit(64)
}
let bench = try Bench()
var figures: [String] = []
for call in settings.calls {
  // On no actor, as handlers run.
  let figure = await Task.detached {
    await bench.measure(call, milliseconds: settings.milliseconds)
  }
  .value
  figures.append("\"\(call.rawValue)\": \(figure.json)")
}
print("{\(figures.joined(separator: ", "))}")

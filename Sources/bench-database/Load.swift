import EventLoops
import Glibc
import Postgres

/// Callers that each run a scenario, wait for its end, and run it again.
struct Load {
  private let settings: BenchSettings
  private let database: Database
  private let group: EventLoopGroup

  init(_ settings: BenchSettings, database: Database, group: EventLoopGroup) {
    self.settings = settings
    self.database = database
    self.group = group
  }

  /// - Throws: as `BenchScenario.run`.
  nonisolated(nonsending) func run() async throws -> Report {
    let warmUp = latenciesOfEachLoop()
    try await callers(for: .milliseconds(settings.warmUpMilliseconds), warmUp)
    let each = latenciesOfEachLoop()
    let cpuBefore = processorMicroseconds()
    let began = MonotonicTime.now()
    try await callers(for: .seconds(settings.seconds), each)
    let seconds = Double((MonotonicTime.now() - began).wholeNanoseconds) / 1e9
    let cpu = processorMicroseconds() - cpuBefore
    let latencies = each.reduce(into: Latencies()) { $0.add($1) }
    return Report(
      scenario: settings.scenario, operations: latencies.count,
      warmUpOperations: warmUp.reduce(0) { $0 + $1.count }, seconds: seconds,
      p50Microseconds: latencies.microseconds(below: 0.5),
      p99Microseconds: latencies.microseconds(below: 0.99),
      cpuMicroseconds: Double(cpu) / Double(latencies.count))
  }

  private func latenciesOfEachLoop() -> [Latencies] { group.loops.map { _ in Latencies() } }

  private nonisolated(nonsending) func callers(for duration: Duration, _ latencies: [Latencies])
    async throws
  {
    let end = MonotonicTime.now() + duration
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for (loop, latencies) in zip(group.loops, latencies) {
        // The callers spread over the loops as evenly as they can.
        let count = (settings.callers + loop.index) / group.loops.count
        for _ in 0..<count {
          tasks.addTask(executorPreference: loop) { try await call(until: end, latencies) }
        }
      }
      try await tasks.waitForAll()
    }
  }

  private nonisolated(nonsending) func call(until end: MonotonicTime, _ latencies: Latencies)
    async throws
  {
    var random = SplitMix64()
    var began = MonotonicTime.now()
    while began < end {
      try await settings.scenario.run(
        on: database, products: settings.products, using: &random)
      let ended = MonotonicTime.now()
      latencies.add(ended - began)
      began = ended
    }
  }
}

/// What one run came to.
struct Report {
  let scenario: BenchScenario
  let operations: Int
  /// Those before the clock started.
  let warmUpOperations: Int
  let seconds: Double
  let p50Microseconds: Int
  let p99Microseconds: Int
  /// Of this process, kernel included, for one operation.
  let cpuMicroseconds: Double

  var json: String {
    """
    {"scenario": "\(scenario.rawValue)", "operations": \(operations), \
    "warm_up_operations": \(warmUpOperations), "seconds": \(seconds), \
    "per_second": \(Double(operations) / seconds), "p50_us": \(p50Microseconds), \
    "p99_us": \(p99Microseconds), "cpu_us": \(cpuMicroseconds)}
    """
  }
}

/// What this process has used so far, kernel included.
private func processorMicroseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

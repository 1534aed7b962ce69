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
  func run() async throws -> Report {
    let warmUp = try await callers(for: .milliseconds(settings.warmUpMilliseconds))
    let cpuBefore = processorMicroseconds()
    let began = MonotonicTime.now()
    let latencies = try await callers(for: .seconds(settings.seconds))
    let seconds = Double((MonotonicTime.now() - began).wholeNanoseconds) / 1e9
    return Report(
      scenario: settings.scenario, operations: latencies.count,
      warmUpOperations: warmUp.count, seconds: seconds,
      p50Microseconds: latencies.microseconds(below: 0.5),
      p99Microseconds: latencies.microseconds(below: 0.99),
      cpuMicroseconds: Double(processorMicroseconds() - cpuBefore) / Double(latencies.count))
  }

  private func callers(for duration: Duration) async throws -> Latencies {
    let end = MonotonicTime.now() + duration
    return try await withThrowingTaskGroup(of: Latencies.self) { tasks in
      for (position, loop) in group.loops.enumerated() {
        // The callers spread over the loops as evenly as they can.
        let count = (settings.callers + position) / group.loops.count
        tasks.addTask(executorPreference: loop) { try await callers(count, until: end) }
      }
      return try await tasks.reduce(into: Latencies()) { $0.add($1) }
    }
  }

  /// The callers of one loop.
  private func callers(_ count: Int, until end: MonotonicTime) async throws -> Latencies {
    let latencies = Latencies()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for _ in 0..<count { tasks.addTask { try await call(until: end, latencies) } }
      try await tasks.waitForAll()
    }
    return latencies
  }

  private func call(until end: MonotonicTime, _ latencies: Latencies) async throws {
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

import EventLoops
import Synchronization

/// How often one named statement was run, how long that took, and how often it failed.
package struct StatementStatistics: Sendable {
  /// Inclusive upper bounds in seconds; what took longer falls into one more bucket. (Those that
  /// OpenTelemetry's semantic conventions advise for `db.client.operation.duration`, and two below.)
  package static let bounds: [Double] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
  ]

  /// Of `SQL.named`.
  package let name: String
  /// How many fell into each bucket, the unbounded last.
  package private(set) var counts = [Int64](repeating: 0, count: bounds.count + 1)
  /// Of all together.
  package private(set) var seconds = 0.0
  /// How many of them failed, refused ones included.
  package private(set) var errors: Int64 = 0

  init(name: String) {
    self.name = name
  }

  mutating func record(seconds: Double, failed: Bool) {
    var bucket = 0
    while bucket < Self.bounds.count, seconds > Self.bounds[bucket] { bucket += 1 }
    counts[bucket] += 1
    self.seconds += seconds
    if failed { errors += 1 }
  }

  /// Both together.
  func adding(_ other: StatementStatistics) -> StatementStatistics {
    var sum = self
    for bucket in counts.indices { sum.counts[bucket] += other.counts[bucket] }
    sum.seconds += other.seconds
    sum.errors += other.errors
    return sum
  }
}

/// The statistics of one loop. As many as there are names in the program's text.
final class StatementTimings: Sendable {
  /// By the address of the name: the hot path compares no text.
  private let statistics = Mutex<[UInt: StatementStatistics]>([:])

  /// Of each name once; from any thread.
  var all: [String: StatementStatistics] {
    statistics.withLock { statistics in
      Dictionary(statistics.values.map { ($0.name, $0) }) { first, second in first.adding(second) }
    }
  }

  /// Measures `run`, if it is named. On the loop.
  func begin(_ run: StatementRun, on loop: EventLoop) {
    guard let name = run.statement.name else { return }
    run.measurement = StatementMeasurement(name: name, timings: self, loop: loop, began: loop.now)
  }

  func record(_ name: StaticString, seconds: Double, failed: Bool) {
    statistics.withLock { statistics in
      let key = UInt(bitPattern: name.utf8Start)
      statistics[key, default: StatementStatistics(name: "\(name)")]
        .record(seconds: seconds, failed: failed)
    }
  }
}

/// One named statement under way.
struct StatementMeasurement {
  let name: StaticString
  let timings: StatementTimings
  let loop: EventLoop
  let began: MonotonicTime

  /// Takes the turns' times, which cost nothing: from the turn in which it was asked for, the wait for a
  /// connection included, to that in which its answer came. Who was cancelled is not counted.
  func end(with error: (any Error)?) {
    if error is CancellationError { return }
    let seconds = Double(loop.now.nanoseconds - began.nanoseconds) / 1e9
    timings.record(name, seconds: seconds, failed: error != nil)
  }
}

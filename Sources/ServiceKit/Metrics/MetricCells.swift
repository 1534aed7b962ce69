import CoreMetrics
import Synchronization

// One cell is one series: what is written on the hot path, a few relaxed atomic additions.

/// A number that only grows.
package final class CounterCell: CounterHandler, Sendable {
  private let count = Atomic<Int64>(0)

  package init() {}

  /// Adds `amount`; nothing when it is negative.
  package func increment(by amount: Int64 = 1) {
    if amount > 0 { count.wrappingAdd(amount, ordering: .relaxed) }
  }

  package func reset() {
    count.store(0, ordering: .relaxed)
  }

  var value: Int64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down.
package final class GaugeCell: MeterHandler, RecorderHandler, Sendable {
  private let bits = Atomic<UInt64>(0)

  package init() {}

  package func set(_ value: Int64) { set(Double(value)) }
  package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
  package func increment(by amount: Double) { add(amount, to: bits) }
  package func decrement(by amount: Double) { add(-amount, to: bits) }
  package func record(_ value: Int64) { set(value) }
  package func record(_ value: Double) { set(value) }

  var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// How often values fell into each of some fixed ranges, and their sum.
package final class HistogramCell: RecorderHandler, TimerHandler, Sendable {
  /// Inclusive upper bounds, rising; what lies above falls into one more bucket.
  let bounds: [Double]
  private let counts: AtomicCounts
  private let sumBits = Atomic<UInt64>(0)

  /// - Precondition: `bounds` rise.
  package init(bounds: [Double]) {
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds must rise")
    self.bounds = bounds
    counts = AtomicCounts(bounds.count + 1)
  }

  /// NaN is passed over.
  package func record(_ value: Double) {
    guard !value.isNaN else { return }
    var bucket = 0
    while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
    counts.increment(bucket)
    add(value, to: sumBits)
  }

  package func record(_ value: Int64) { record(Double(value)) }

  /// Seconds are what is kept.
  package func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

  /// Seconds are what is kept.
  package func record(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    record(Double(seconds) + Double(attoseconds) / 1e18)
  }

  /// How many fell into each bucket, the unbounded last, and the sum of all. Values recorded
  /// meanwhile may be in one and not yet in the other.
  var snapshot: (counts: [Int64], sum: Double) {
    (counts.values, Double(bitPattern: sumBits.load(ordering: .relaxed)))
  }
}

/// A fixed number of counters side by side.
final class AtomicCounts: Sendable {
  // Never reassigned; what it points to is atomic and lives as long as this object.
  private nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<Int64>>
  private let size: Int

  init(_ size: Int) {
    self.size = size
    cells = .allocate(capacity: size)
    for index in 0..<size { (cells + index).initialize(to: Atomic(0)) }
  }

  deinit {
    cells.deinitialize(count: size)
    cells.deallocate()
  }

  func increment(_ index: Int) {
    precondition(index >= 0 && index < size)
    cells[index].wrappingAdd(1, ordering: .relaxed)
  }

  var values: [Int64] { (0..<size).map { cells[$0].load(ordering: .relaxed) } }
}

private func add(_ amount: Double, to bits: borrowing Atomic<UInt64>) {
  var old = bits.load(ordering: .relaxed)
  while true {
    let new = (Double(bitPattern: old) + amount).bitPattern
    let (exchanged, current) = bits.weakCompareExchange(
      expected: old, desired: new, ordering: .relaxed)
    if exchanged { return }
    old = current
  }
}

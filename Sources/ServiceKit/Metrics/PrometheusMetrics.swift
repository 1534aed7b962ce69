package import CoreMetrics
import Synchronization

/// All metrics of the process: a backend of swift-metrics, and the maker of direct handles for what
/// is counted with each request. `text()` is what `GET /metrics` answers.
///
/// A metric with too many label sets gets one more, whose values are all `overflow`, and everything
/// further is counted there: a label from outside can fill no memory.
package final class PrometheusMetrics: Sendable {
  /// Of one metric; what comes further is counted as `overflow`.
  package static let labelSetsMax = 500
  /// Metrics by their names. A further one is not shown, and counted in
  /// `metrics_name_conflicts_total`.
  package static let familiesMax = 1000

  /// Seconds: a half millisecond to ten seconds.
  package static let durationBounds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]
  /// Sizes and counts, for recorders.
  package static let sizeBounds: [Double] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 100_000, 1_000_000,
  ]

  enum Cell {
    case counter(CounterCell)
    case gauge(GaugeCell)
    case histogram(HistogramCell)
  }

  struct Family {
    let kind: MetricKind
    var help: String
    var cells: [[MetricLabel]: Cell] = [:]
  }

  private struct State {
    var families: [String: Family] = [:]
    var collectors: [@Sendable (inout PrometheusText) -> Void] = []
  }

  private let state = Mutex(State())
  private let overflows = CounterCell()
  private let conflicts = CounterCell()

  package init() {}

  // MARK: Direct handles

  /// A counter. `name` gets `_total` unless it ends so.
  package func counter(
    _ name: String, help: String, labels: [(String, String)] = []
  ) -> CounterCell {
    let name = MetricName.counter(name)
    guard
      case .counter(let cell) = cell(
        name, .counter, help, labels, make: { .counter(CounterCell()) })
    else { return CounterCell() }
    return cell
  }

  /// A gauge that is set.
  package func gauge(
    _ name: String, help: String, labels: [(String, String)] = []
  ) -> GaugeCell {
    guard
      case .gauge(let cell) = cell(
        MetricName.plain(name), .gauge, help, labels, make: { .gauge(GaugeCell()) })
    else { return GaugeCell() }
    return cell
  }

  /// A histogram; the name says its unit, `_seconds` for durations.
  package func histogram(
    _ name: String, help: String, labels: [(String, String)] = [],
    bounds: [Double] = durationBounds
  ) -> HistogramCell {
    guard
      case .histogram(let cell) = cell(
        MetricName.plain(name), .histogram, help, labels,
        make: { .histogram(HistogramCell(bounds: bounds)) })
    else { return HistogramCell(bounds: bounds) }
    return cell
  }

  /// Adds whole metrics at each scrape, for what is known elsewhere: pools, breakers, lags.
  ///
  ///     metrics.collect { text in
  ///       text.gauge("db_pool_connections", help: "Open connections.", [
  ///         ([("state", "idle")], Double(database.statistics.idle)),
  ///       ])
  ///     }
  package func collect(_ collector: @escaping @Sendable (inout PrometheusText) -> Void) {
    state.withLock { $0.collectors.append(collector) }
  }

  // MARK: Exposition

  /// The exposition in the text format 0.0.4: metrics by name, series by labels.
  package func text() -> [UInt8] {
    let (families, collectors) = state.withLock { ($0.families, $0.collectors) }
    var text = PrometheusText()
    for (name, family) in families.sorted(by: { $0.key < $1.key }) {
      text.begin(name, family.kind, help: family.help)
      for (labels, cell) in family.cells.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        switch cell {
        case .counter(let cell): text.sample(name, labels, integer: cell.value)
        case .gauge(let cell): text.sample(name, labels, cell.value)
        case .histogram(let cell): text.histogram(name, labels, cell)
        }
      }
    }
    text.counter(
      "metrics_label_overflow_total",
      help: "Label sets that were counted as overflow since a metric had too many.",
      [([], Double(overflows.value))])
    text.counter(
      "metrics_name_conflicts_total",
      help: "Metrics that are not shown since their name has another type.",
      [([], Double(conflicts.value))])
    for collector in collectors { collector(&text) }
    return text.bytes
  }

  /// What Content-Type says of `text()`.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private func cell(
    _ name: String, _ kind: MetricKind, _ help: String, _ labels: [(String, String)],
    make: () -> Cell
  ) -> Cell? {
    let labels = labels.map { MetricLabel(name: MetricName.label($0.0), value: $0.1) }.sorted()
    return state.withLock { state in
      guard var family = state.families[name] ?? newFamily(kind, help, in: state),
        family.kind == kind
      else {
        conflicts.increment()
        return nil
      }
      if let cell = family.cells[labels] { return cell }
      var labels = labels
      if family.cells.count >= Self.labelSetsMax {
        overflows.increment()
        labels = labels.map { MetricLabel(name: $0.name, value: "overflow") }
        if let cell = family.cells[labels] { return cell }
      }
      let cell = make()
      family.cells[labels] = cell
      state.families[name] = family
      return cell
    }
  }

  private func newFamily(_ kind: MetricKind, _ help: String, in state: State) -> Family? {
    state.families.count < Self.familiesMax ? Family(kind: kind, help: help) : nil
  }
}

// MARK: - swift-metrics

extension PrometheusMetrics: MetricsFactory {
  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    counter(label, help: "Count of \(label).", labels: dimensions)
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    gauge(label, help: "Value of \(label).", labels: dimensions)
  }

  /// A histogram of `sizeBounds` when values are to be aggregated, else a gauge.
  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    aggregate
      ? histogram(
        label, help: "Distribution of \(label).", labels: dimensions, bounds: Self.sizeBounds)
      : gauge(label, help: "Value of \(label).", labels: dimensions)
  }

  /// A histogram of seconds.
  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    histogram(MetricName.seconds(label), help: "Duration of \(label).", labels: dimensions)
  }

  // A series stays once it has been shown: Prometheus takes one that vanishes for a restart.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}
}

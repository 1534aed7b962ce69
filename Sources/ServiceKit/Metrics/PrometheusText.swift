/// What `# TYPE` says.
package enum MetricKind: String, Sendable { case counter, gauge, histogram }

/// One label of a series, its name already valid.
struct MetricLabel: Hashable, Comparable, Sendable {
  let name: String
  let value: String

  static func < (left: MetricLabel, right: MetricLabel) -> Bool {
    (left.name, left.value) < (right.name, right.value)
  }
}

/// Writes the Prometheus text exposition format, version 0.0.4.
package struct PrometheusText {
  /// What is written so far.
  package private(set) var bytes: [UInt8] = []

  package init() {
    bytes.reserveCapacity(16 * 1024)
  }

  /// A whole gauge: its series as labels and value.
  package mutating func gauge(
    _ name: String, help: String, _ series: [(labels: [(String, String)], value: Double)]
  ) {
    let name = MetricName.plain(name)
    begin(name, .gauge, help: help)
    for (labels, value) in series { sample(name, labels.map(label), value) }
  }

  /// A whole counter; `name` gets `_total` unless it ends so.
  package mutating func counter(
    _ name: String, help: String, _ series: [(labels: [(String, String)], value: Double)]
  ) {
    let name = MetricName.counter(name)
    begin(name, .counter, help: help)
    for (labels, value) in series { sample(name, labels.map(label), value) }
  }

  /// A whole histogram; each series has one count more than there are bounds, for what lies above.
  package mutating func histogram(
    _ name: String, help: String, bounds: [Double],
    _ series: [(labels: [(String, String)], counts: [Int64], sum: Double)]
  ) {
    let name = MetricName.plain(name)
    begin(name, .histogram, help: help)
    for (labels, counts, sum) in series {
      histogram(name, labels.map(label), bounds: bounds, counts: counts, sum: sum)
    }
  }

  private func label(_ label: (String, String)) -> MetricLabel {
    MetricLabel(name: MetricName.label(label.0), value: label.1)
  }

  mutating func begin(_ name: String, _ kind: MetricKind, help: String) {
    append("# HELP \(name) ")
    appendEscaped(help, quotes: false)
    append("\n# TYPE \(name) \(kind.rawValue)\n")
  }

  mutating func sample(_ name: String, _ labels: [MetricLabel], _ value: Double) {
    appendSeries(name, labels)
    append(number(value))
    append("\n")
  }

  mutating func sample(_ name: String, _ labels: [MetricLabel], integer: Int64) {
    appendSeries(name, labels)
    append(String(integer))
    append("\n")
  }

  mutating func histogram(_ name: String, _ labels: [MetricLabel], _ cell: HistogramCell) {
    let (counts, sum) = cell.snapshot
    histogram(name, labels, bounds: cell.bounds, counts: counts, sum: sum)
  }

  /// Cumulative buckets, sum and count of one series.
  private mutating func histogram(
    _ name: String, _ labels: [MetricLabel], bounds: [Double], counts: [Int64], sum: Double
  ) {
    var total: Int64 = 0
    for (bound, count) in zip(bounds + [.infinity], counts) {
      total += count
      sample(
        "\(name)_bucket", labels + [MetricLabel(name: "le", value: number(bound))], integer: total)
    }
    sample("\(name)_sum", labels, sum)
    sample("\(name)_count", labels, integer: total)
  }

  private mutating func appendSeries(_ name: String, _ labels: [MetricLabel]) {
    append(name)
    if !labels.isEmpty {
      append("{")
      for (index, label) in labels.enumerated() {
        append(index > 0 ? ",\(label.name)=\"" : "\(label.name)=\"")
        appendEscaped(label.value, quotes: true)
        append("\"")
      }
      append("}")
    }
    append(" ")
  }

  private mutating func appendEscaped(_ text: String, quotes: Bool) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): append("\\\\")
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\"") where quotes: append("\\\"")
      default: bytes.append(byte)
      }
    }
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  /// As Go's `ParseFloat` reads it; whole numbers without a point.
  private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
    return value.description
  }
}

/// Turns labels of swift-metrics (`orders.placed`) into Prometheus names (`orders_placed_total`).
enum MetricName {
  static func plain(_ label: String) -> String {
    valid(label, colon: true)
  }

  static func counter(_ label: String) -> String {
    suffixed(plain(label), "_total")
  }

  static func seconds(_ label: String) -> String {
    suffixed(plain(label), "_seconds")
  }

  /// `__` in front is Prometheus's own, as `le` is of histograms.
  static func label(_ name: String) -> String {
    let name = valid(name, colon: false)
    return name.hasPrefix("__") || name == "le" ? "label_" + name.drop { $0 == "_" } : name
  }

  private static func suffixed(_ name: String, _ suffix: String) -> String {
    name.hasSuffix(suffix) ? name : name + suffix
  }

  private static func valid(_ text: String, colon: Bool) -> String {
    var bytes = text.utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        byte
      case UInt8(ascii: ":") where colon: byte
      default: UInt8(ascii: "_")
      }
    }
    if bytes.first.map({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) ?? true {
      bytes.insert(UInt8(ascii: "_"), at: 0)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

package import Postgres
import Synchronization

/// A figure that stands in the service's own tables, for `GET /metrics`.
package struct StoredGauge: Sendable {
  /// As Prometheus shows it; what cannot be in such a name becomes `_`.
  package let name: String
  /// One sentence for `# HELP`.
  package let help: String
  /// What the figures differ by, such as `kind`.
  package let label: String
  /// Selects the label's value (text) and the figure (bigint) of each series.
  package let query: SQL

  package init(_ name: String, help: String, label: String, query: SQL) {
    self.name = name
    self.help = help
    self.label = label
    self.query = query
  }

  /// Those of the tables that every service has.
  static let common = [
    StoredGauge(
      "outbox_events", help: "The last position of the feed; events that have none yet.",
      label: "kind",
      query: """
        SELECT 'head', position FROM feed_head
        UNION ALL SELECT 'unnumbered', count(*) FROM outbox WHERE position IS NULL
        """),
    StoredGauge(
      "consumer_position", help: "How far the feeds of other services have been taken in.",
      label: "source", query: "SELECT source, position FROM consumer_offsets"),
    StoredGauge(
      "dead_letters", help: "Events that were put aside.", label: "source",
      query: "SELECT source, count(*) FROM dead_letters GROUP BY source"),
  ]
}

/// Reads the gauges every few seconds, so that a scrape costs the database nothing and is answered while
/// the database is not.
final class StoredGauges: Sendable {
  static let interval: Duration = .seconds(5)

  private typealias Series = (labels: [(String, String)], value: Double)

  private let gauges: [StoredGauge]
  private let database: Database
  /// By the gauge's place; as they were read last.
  private let series: Mutex<[[Series]]>

  init(_ gauges: [StoredGauge], in database: Database) {
    self.gauges = gauges
    self.database = database
    series = Mutex(Array(repeating: [], count: gauges.count))
  }

  var worker: Worker {
    Worker("stored-gauges") {
      while true {
        try await self.read()
        try await Task.sleep(for: Self.interval)
      }
    }
  }

  func read() async throws {
    for (place, gauge) in gauges.enumerated() {
      let rows = try await database.query(gauge.query) { row in
        (label: try row.next(as: String.self), value: try row.next(as: Int64.self))
      }
      let read = rows.map { (labels: [(gauge.label, $0.label)], value: Double($0.value)) }
      series.withLock { $0[place] = read }
    }
  }

  func write(into text: inout PrometheusText) {
    for (gauge, series) in zip(gauges, series.withLock { $0 }) {
      text.gauge(gauge.name, help: gauge.help, series)
    }
  }
}

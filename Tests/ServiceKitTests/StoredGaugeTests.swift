import Testing

@testable import ServiceKit

@Suite("Gauges of the service's own tables", .timeLimit(.minutes(5)))
struct StoredGaugeTests {
  private func text(_ gauges: StoredGauges) -> String {
    var text = PrometheusText()
    gauges.write(into: &text)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  @Test("feed, consumers and dead letters are told as they were read last")
  func common() async throws {
    let bench = try await KitBench()
    let gauges = StoredGauges(StoredGauge.common, in: bench.database)
    #expect(!text(gauges).contains("head"))
    try await bench.append("thing.made")
    _ = try await bench.sequencer.number()
    try await bench.append("thing.made")
    try await bench.database.execute(
      "INSERT INTO consumer_offsets (source, position) VALUES ('other-service', 7)")
    try await bench.database.execute(
      "INSERT INTO dead_letters (source, position, event, error) VALUES ('other-service', 3, '{}', 'x')"
    )
    try await gauges.read()
    let text = text(gauges)
    for line in [
      "outbox_events{kind=\"head\"} 1", "outbox_events{kind=\"unnumbered\"} 1",
      "consumer_position{source=\"other-service\"} 7", "dead_letters{source=\"other-service\"} 1",
    ] {
      #expect(text.contains(line), "\(text)")
    }
  }
}

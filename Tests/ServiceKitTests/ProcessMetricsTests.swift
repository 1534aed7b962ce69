import Testing

@testable import ServiceKit

@Suite("Metrics of the process")
struct ProcessMetricsTests {
  @Test("the process's figures are there and possible")
  func figures() throws {
    let metrics = PrometheusMetrics()
    metrics.collectProcess()
    var values: [String: Double] = [:]
    for line in String(decoding: metrics.text(), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { values[String(words[0])] = Double(words[1]) }
    }
    #expect(try #require(values["process_cpu_seconds_total"]) > 0)
    #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
    #expect(try #require(values["process_open_fds"]) >= 3)
    #expect(try #require(values["process_start_time_seconds"]) > 1_700_000_000)
  }
}

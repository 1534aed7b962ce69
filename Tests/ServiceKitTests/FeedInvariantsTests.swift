import Postgres
import Testing

@testable import ServiceKit

@Suite("Invariants of the feed", .timeLimit(.minutes(5)))
struct FeedInvariantsTests {
  private func violations(_ bench: KitBench) async throws -> [[String]] {
    var found: [[String]] = []
    for invariant in feedInvariants {
      found.append(try await InvariantReport(invariant, in: bench.database).violations)
    }
    return found
  }

  @Test("a feed as it should be violates nothing, unnumbered events included")
  func good() async throws {
    let bench = try await KitBench()
    #expect(try await violations(bench) == [[], []])
    try await bench.append("thing.made", subject: "1", version: 1)
    try await bench.append("thing.changed", subject: "1", version: 3)
    try await bench.append("other.made", subject: "1", version: 1)
    _ = try await bench.sequencer.number()
    try await bench.append("thing.changed", subject: "1", version: 4)
    #expect(try await violations(bench) == [[], []])
  }

  @Test("a gap and a version that does not rise are found")
  func bad() async throws {
    let bench = try await KitBench()
    for version in [1, 2, 2] { try await bench.append("thing.changed", version: version) }
    _ = try await bench.sequencer.number()
    #expect(
      try await violations(bench)
        == [[], ["thing.changed of 1 at position 3: version 2 behind 2"]])
    try await bench.database.execute("UPDATE outbox SET position = 5 WHERE position = 2")
    let gap = try await violations(bench)[0]
    #expect(gap == ["head 3, 3 numbered events, the last 5"])
  }
}

import Postgres
import Testing

@testable import shopctl

/// What a chaos run must have done and seen before it counts as passed.
@Suite struct ChaosReportTests {
  private func report(
    blows: [String: Int] = ["kill -9 order": 1], endings: [String: Int] = ["confirmed": 3],
    after statements: [SQL] = []
  ) async throws -> ChaosReport {
    ChaosReport(
      seed: 1, seconds: 1, blows: blows, customers: 3, tries: 3, endings: endings, restless: [],
      secondsToRest: 0, differences: [],
      verification: try await BoughtShop.shared().verification(after: statements))
  }

  @Test("it passes where something was done, somebody bought, and all were answered")
  func passes() async throws {
    let report = try await report()
    #expect(report.isGood, "\(report.text)")
    #expect(report.text.hasSuffix("chaos: passed"))
  }

  @Test("it proves nothing where nothing was done, nobody bought, or a rule has nothing to look at")
  func provesNothing() async throws {
    #expect(try await report(blows: [:]).unproven == ["nothing was done to it"])
    #expect(
      try await report(endings: ["declined": 3]).unproven
        == ["no customer was told of a confirmed order"])
    let blind = try await report(after: ["DROP TABLE sim.keys"])
    #expect(blind.unproven.contains { $0.hasSuffix("there is no table sim.keys") })
    #expect(blind.verification.holds && !blind.isGood)
  }

  @Test(
    "it fails where somebody was never told how it ended",
    arguments: [
      "undecided", "cancelling", "following",
    ])
  func neverAnswered(ending: String) async throws {
    let report = try await report(endings: ["confirmed": 2, ending: 1])
    #expect(report.unanswered == 1 && !report.isGood)
    #expect(report.text.contains("1 were never told how it ended"))
  }
}

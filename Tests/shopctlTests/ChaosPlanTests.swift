import Testing

@testable import shopctl

struct ChaosPlanTests {
  @Test("the same seed is the same plan, another seed another")
  func seeded() {
    func steps(_ seed: UInt64) -> [ChaosPlan.Step] {
      ChaosPlan(seed: seed, duration: .seconds(600)).steps
    }
    #expect(steps(7) == steps(7))
    #expect(steps(7) != steps(8))
    // Written down: a plan that changes is another plan under an old seed's name.
    #expect(
      steps(7).prefix(3).map { "\(Int($0.at / .milliseconds(1))) \($0.blow)" } == expectedOfSeven)
  }

  private let expectedOfSeven = [
    "1669 kill -9 payment, down for 1791 ms", "3526 kill -9 user, down for 1051 ms",
    "4428 kill -9 product, down for 2884 ms",
  ]

  @Test("a blow comes every two seconds on average, of every kind, to every service")
  func distribution() {
    let steps = ChaosPlan(seed: 3, duration: .seconds(3_600)).steps
    #expect((1_600...2_000).contains(steps.count))
    #expect(steps.map(\.at) == steps.map(\.at).sorted())
    let kinds = Set(steps.map(\.blow.kind))
    for service in ServiceEntry.all {
      #expect(kinds.contains("kill -9 \(service.short)"))
      #expect(kinds.contains("stop \(service.short)"))
    }
    #expect(kinds.contains("kill -9 consul"))
    #expect(kinds.contains("restart postgres"))
    let longest = steps.compactMap { step in
      if case .freeze(_, let time) = step.blow { time } else { nil }
    }.max()
    #expect(longest ?? .zero > .seconds(15), "no freeze outlives a saga's lease")
  }

  @Test("PostgreSQL is killed as often as asked, spread over the run")
  func databaseKills() {
    let steps = ChaosPlan(seed: 3, duration: .seconds(100), databaseKills: 5).steps
    #expect(
      steps.filter { $0.blow == .killDatabase }.map(\.at)
        == [10, 30, 50, 70, 90].map { Duration.seconds($0) })
  }
}

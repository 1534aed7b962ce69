import HTTPMessages
import Testing

@testable import shopctl

struct OpenLoopTests {
  private func purchases(_ count: Int) -> [Purchase] {
    (0..<count).map {
      Purchase(index: $0, due: .zero, items: [], paymentToken: "tok_ok", isRegretted: false)
    }
  }

  @Test("who had to wait for a free buyer is charged for it: latency counts from when it was due")
  func coordinatedOmission() async {
    let visits = await OpenLoop(purchases: purchases(50), buyers: 1).run(since: .now) { $0.index }
      .sorted { $0.purchase.index < $1.purchase.index }
    #expect(visits.map(\.outcome) == Array(0..<50))
    for (earlier, later) in zip(visits, visits.dropFirst()) {
      #expect(later.lateness >= earlier.latency, "it cannot begin before the one ahead has ended")
      #expect(later.latency >= later.lateness)
    }
  }

  @Test("all are made, by no more at once than there are buyers")
  func bounded() async {
    let gauge = Gauge()
    let visits = await OpenLoop(purchases: purchases(200), buyers: 7).run(since: .now) { _ in
      await gauge.enter()
      await Task.yield()
      await gauge.leave()
    }
    #expect(visits.count == 200)
    #expect(Set(visits.map(\.purchase.index)).count == 200)
    #expect(await gauge.most <= 7)
  }

  @Test("nothing to buy ends at once")
  func none() async {
    #expect(await OpenLoop(purchases: [], buyers: 3).run(since: .now) { _ in 0 }.isEmpty)
  }

  @Test("a report counts answers by kind and says the rate, the seed and the quantiles")
  func report() {
    let visits = purchases(3).map {
      OpenLoop.Visit(
        purchase: $0,
        outcome: CheckoutAnswer(kind: $0.index == 2 ? .noAnswer : .confirmed, note: "timed out"),
        lateness: .zero, latency: .milliseconds(10 * ($0.index + 1)))
    }
    let report = LoadReport(
      visits, run: "run-1", rate: 1.5, duration: .seconds(2), buyers: 4, seed: 9,
      took: .seconds(2))
    #expect(report.outcomes == ["confirmed": 2, "no answer": 1])
    #expect(report.latency.max == 30)
    #expect(report.confirmedLatency.max == 20)
    #expect(report.troubles == ["timed out"])
    #expect(report.text.hasPrefix("3 checkouts due at 1.5/s for 2 s, at most 4 at once, seed 9\n"))
    #expect(report.text.contains("answered: 1.5/s; 2 confirmed, 1 no answer"))
  }
}

private actor Gauge {
  private var now = 0
  private(set) var most = 0

  func enter() {
    now += 1
    most = max(most, now)
  }

  func leave() { now -= 1 }
}

import Testing

@testable import shopctl

struct KillMatrixTests {
  @Test("every point of every service is in each flow, transactions at their first passes")
  func cases() {
    let cases = KillMatrix.cases(points: [
      ("order", ["http.request", "tx.before_commit", "saga.S2.after"]),
      ("payment", ["provider.after"]),
    ])
    #expect(cases.count == 4 * (1 + 3 + 1 + 1))
    #expect(cases.contains { "\($0)" == "cancel, order dies at tx.before_commit, pass 3" })
    #expect(cases.contains { "\($0)" == "refund, payment dies at provider.after, pass 1" })
    #expect(Set(cases.map(\.description)).count == cases.count)
  }

  @Test("a rule kills once, at that pass, and only what belongs to the flow")
  func rule() {
    let test = KillMatrix.Case(flow: .checkout, service: "payment", point: "http.response", nth: 1)
    #expect(
      test.rule
        == AdminAPI.Rule(
          point: "http.response", action: "kill", match: .init(path: "/internal/payments"),
          nth: [1],
          times: 1))
  }

  @Test("the table tells by service and flow how many deaths were survived, and which failed")
  func tally() {
    var tally = MatrixTally()
    func note(_ outcome: KillMatrix.Outcome, _ flow: KillMatrix.Flow, _ service: String) {
      tally.note(outcome, of: .init(flow: flow, service: service, point: "saga.S2.after", nth: 1))
    }
    for _ in 0..<2 { note(.survived, .checkout, "order") }
    note(.failed(["I1"]), .checkout, "order")
    note(.notPassed, .refund, "order")
    note(.survived, .ship, "payment")
    #expect(tally.text.contains("| order | 2, and 1 failed | - | - | 0 |"), "\(tally.text)")
    #expect(tally.text.contains("| payment | - | - | 1 | - |"), "\(tally.text)")
    #expect(
      tally.text.hasSuffix(
        "5 cases: 3 died there and all holds, 1 do not come by their point, 1 failed."))
  }
}

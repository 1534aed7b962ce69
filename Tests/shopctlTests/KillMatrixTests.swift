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
}

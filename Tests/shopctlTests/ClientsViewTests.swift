import Testing

@testable import shopctl

struct ClientsViewTests {
  private func differences(
    _ ending: Shopper.Experience.Ending, _ rows: [(state: String, reason: String?)],
    told ids: Set<String> = []
  ) -> [String] {
    let rows = rows.enumerated().map { index, row in
      ClientsView.Row(
        key: "k", id: "order-\(index)", number: 10_001 + Int64(index), state: row.state,
        cancelReason: row.reason)
    }
    return ClientsView([Shopper.Experience(key: "k", ending: ending, orderIDs: ids)], rows)
      .differences
  }

  @Test("what is so is no difference")
  func same() {
    #expect(differences(.confirmed, [("confirmed", nil)], told: ["order-0"]) == [])
    #expect(differences(.cancelled, [("cancelled", "requested")]) == [])
    #expect(differences(.cancelling, [("confirmed", nil)]) == [])
    #expect(differences(.declined, [("cancelled", "capture_refused")]) == [])
    #expect(differences(.outOfStock, [("cancelled", "insufficient_stock")]) == [])
    #expect(differences(.outOfStock, []) == [])
    #expect(differences(.undecided, []) == [])
    #expect(differences(.undecided, [("cancelled", "timed_out")]) == [])
    #expect(differences(.givenUp, [("cancelled", "timed_out")]) == [])
    #expect(differences(.shipped, [("shipped", nil)]) == [])
    #expect(differences(.following, [("confirmed", nil)]) == [])
    #expect(differences(.following, [("shipped", nil)]) == [])
  }

  @Test(
    "what is not so is told with the order's number",
    arguments: [
      (Shopper.Experience.Ending.confirmed, "cancelled", Optional("timed_out")),
      (.declined, "confirmed", nil), (.cancelled, "confirmed", nil), (.undecided, "pending", nil),
      (.outOfStock, "confirmed", nil), (.refused, "confirmed", nil),
      (.shipped, "confirmed", nil), (.refunded, "shipped", nil), (.confirmed, "shipped", nil),
    ])
  func different(ending: Shopper.Experience.Ending, state: String, reason: String?) {
    let found = differences(ending, [(state, reason)])
    #expect(found.count == 1)
    #expect(found.first?.contains("order 10001: told \(ending.rawValue)") ?? false)
  }

  @Test("an order that vanished, a second one, another's id and an order of nobody's are told")
  func identity() {
    #expect(differences(.confirmed, []).first?.contains("there is no order") ?? false)
    #expect(differences(.undecided, [], told: ["order-0"]).count == 1)
    #expect(
      differences(.confirmed, [("confirmed", nil), ("confirmed", nil)]) == ["k has 2 orders"])
    #expect(differences(.confirmed, [("confirmed", nil)], told: ["order-0", "x"]).count == 1)
    let strange = ClientsView.Row(
      key: "other", id: "x", number: 10_009, state: "confirmed", cancelReason: nil)
    #expect(ClientsView([], [strange]).differences == ["order 10009 has a key of nobody's"])
  }
}

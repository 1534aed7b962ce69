import Testing

@testable import shopctl

@Suite(.serialized) struct OrderHistoryTests {
  private func history(_ name: String) async throws -> OrderHistory {
    try await BoughtShop.shared().shop.site.admin.snapshot {
      try await OrderHistory(of: name, in: $0)
    }
  }

  @Test(
    "a confirmed order's history has its states, steps, money, stock, events and notices in order")
  func confirmed() async throws {
    let number = try await BoughtShop.shared().number(of: 0)
    let history = try await history("\(number)")
    #expect(history.head.state == "confirmed")
    #expect(history.head.captured == history.head.total)
    #expect(history.head.saga == nil)
    #expect(history.moments.map(\.milliseconds) == history.moments.map(\.milliseconds).sorted())
    let told = history.moments.map { "\($0.teller): \($0.what)" }
    let expected = [
      "order: pending", "saga: checkout begun", "event: reservation.held",
      "saga: checkout S2 begun",
      "payment: authorize", "provider: authorize", "ledger: authorize", "saga: checkout S3 begun",
      "event: reservation.committed", "saga: checkout S4 begun", "payment: capture",
      "ledger: capture: auth_hold_contra USD", "order: pending -> confirmed",
      "event: order.confirmed", "notice: order.confirmed queued",
    ]
    var left = told[...]
    for line in expected {
      let place = left.firstIndex { $0.hasPrefix(line) }
      #expect(place != nil, "\(line) is not told, or too early:\n\(history.text)")
      if let place { left = left[(place + 1)...] }
    }
    #expect(history.text.hasPrefix("Order \(number), confirmed, a guest's\n"))
    #expect(!history.text.contains("Springfield"))
    #expect(!history.text.contains("tok_ok"))
    print(history.text)
  }

  @Test("a cancelled order's history says why, and what was undone")
  func cancelled() async throws {
    let number = try await BoughtShop.shared().number(of: 1)
    let history = try await history("\(number)")
    #expect(history.head.cancelReason == "requested")
    #expect(history.head.refunded == history.head.captured)
    let told = history.moments.map(\.what)
    #expect(told.contains { $0.hasPrefix("confirmed -> cancelling") })
    #expect(told.contains { $0.hasPrefix("refund USD") })
    #expect(told.contains { $0.hasPrefix("reservation.released") })
    #expect(told.contains { $0.hasPrefix("cancelling -> cancelled") })
  }

  @Test("a shipped and refunded order's history has its parcel, its refund and their stock")
  func followedUp() async throws {
    let number = try await BoughtShop.shared().number(of: 7)
    let history = try await history("\(number)")
    #expect(history.head.state == "shipped")
    #expect(history.head.refunded != "USD 0.00")
    let told = history.moments.map { "\($0.teller): \($0.what)" }
    for line in [
      "saga: ship begun", "order: shipment by Load Post", "saga: ship done", "order: refund of USD",
      "saga: refund begun", "saga: refund R2 begun", "event: order.shipped",
      "event: order.refunded",
      "ledger: refund",
    ] {
      #expect(told.contains { $0.hasPrefix(line) }, "\(line) is not told:\n\(history.text)")
    }
    #expect(told.contains { $0.hasPrefix("stock:") && $0.hasSuffix("units shipped") })
    #expect(told.contains { $0.hasPrefix("stock:") && $0.hasSuffix("units returned") })
  }

  @Test("a call that told nothing is in the history, and so is how often the provider was asked")
  func retries() async throws {
    let number = try await BoughtShop.shared().number(of: 5)
    let told = try await history("\(number)").moments.map(\.what)
    #expect(told.contains { $0.hasPrefix("authorize") && $0.contains("asked 3 times") })
  }

  @Test("an order is found by its id, and one that does not exist is said not to")
  func names() async throws {
    let row = try #require(try await BoughtShop.shared().rows.first)
    #expect(try await history(row.id.uppercased()).head.number == row.number)
    let trouble = await #expect(throws: Trouble.self) { try await history("1") }
    #expect(trouble?.cause == "there is no order 1.")
  }
}

import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// Shipments and refunds with their sagas, against the real database and scripted peers.
@Suite struct FollowUpServiceTests {
  // MARK: Shipping

  @Test("an order is shipped in two parcels, and delivered with the last")
  func ships() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 3)
    let first = try await bench.ship(order, 2)
    #expect(first.subject.status == .shipped)
    #expect(first.order.state == .partiallyShipped)
    #expect(first.order.fulfilmentStatus == .partial)
    #expect(first.order.lines.map(\.shipped) == [2])
    let second = try await bench.ship(order, 1)
    #expect(second.order.state == .shipped)
    #expect(second.order.fulfilmentStatus == .fulfilled)
    #expect(second.order.shipments.map(\.status) == [.shipped, .shipped])
    #expect(bench.peers.shipped.flatMap { $0 }.reduce(0) { $0 + $1.quantity } == 3)
    // Automatic: the money was taken before.
    #expect(bench.peers.payments.map(\.captures) == [1])

    let early = try await deliver(bench, second)
    #expect(early.state == .shipped)
    let delivered = try await deliver(bench, first)
    #expect(delivered.state == .delivered)
    #expect(delivered.shipments.allSatisfy { $0.status == .delivered && $0.deliveredAt != nil })
    #expect(try await deliver(bench, first).version == delivered.version)
    #expect(
      try await bench.history(of: order)
        == [.pending, .confirmed, .partiallyShipped, .shipped, .delivered])
    #expect(
      try await bench.events(of: order)
        == [
          "order.created", "order.confirmed", "order.shipped", "order.shipped", "order.delivered",
        ])
    #expect(try await bench.violations() == [])
  }

  private func deliver(_ bench: OrdersBench, _ shipped: FollowUp<Shipment>) async throws -> Order {
    try await bench.followUps.update(
      shipped.subject.id, of: shipped.order.id,
      ShipmentPatch(status: .delivered, carrier: nil, trackingNumber: nil, trackingUrl: nil),
      by: "user:staff")
  }

  @Test("what an event of a shipment tells suffices for a notice")
  func event() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 2)
    let shipped = try await bench.ship(order, 2)
    let data: String? = try await bench.database.value(
      "SELECT data::text FROM outbox WHERE type = 'order.shipped'")
    let text = try #require(data)
    for word in [
      "\(order.id)", "\(shipped.subject.id)", "Post", "99.00.1", "https://post.example/99.00.1",
      "\(order.lines[0].id)",
    ] {
      #expect(text.contains(word), "\(word)")
    }
  }

  @Test("money that is taken share by share: each parcel's part, and the last parcel's rest")
  func shares() async throws {
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 3)
    #expect(order.state == .confirmed)
    #expect(order.paymentStatus == .authorized)
    let first = try await bench.ship(order, 1)
    #expect(first.order.payment.captured == 1000)
    let second = try await bench.ship(order, 2)
    #expect(second.order.payment.captured == order.totals.total.minorUnits)
    #expect(second.order.state == .shipped)
    #expect(bench.peers.payments.map(\.captures) == [2])
    #expect(try await bench.violations() == [])
  }

  @Test("a parcel that was paid back does not keep the rest from being shipped")
  func partPaidBack() async throws {
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 2)
    _ = try await bench.ship(order, 1)
    let refunded = try await bench.refund(order, units: 1)
    #expect(refunded.order.payment.refunded == refunded.order.payment.captured)
    #expect(refunded.order.paymentStatus == .partiallyRefunded)
    let rest = try await bench.ship(order, 1)
    #expect(rest.order.state == .shipped)
    #expect(rest.order.payment.captured == 2000)
    #expect(try await bench.violations() == [])
  }

  @Test("a share that is refused ships nothing: 402, and the order stays as it was")
  func shareRefused() async throws {
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 2)
    bench.peers.declineOperations()
    let key = OrdersBench.key(of: 2)
    let refused = try await bench.ship(order, 2, key: key)
    #expect(refused.subject.status == .failed)
    #expect(
      refused.subject.failure == FollowUpFailure(reason: .declined, declineCode: "stolen_card"))
    #expect(refused.order.state == .confirmed)
    #expect(refused.order.lines.map(\.shipped) == [0])
    #expect(bench.peers.shipped.isEmpty)
    // The key keeps its outcome; another key is another try.
    bench.peers.declineOperations(false)
    #expect(try await bench.ship(order, 2, key: key).subject.status == .failed)
    #expect(try await bench.ship(order, 2).order.state == .shipped)
    #expect(try await bench.violations() == [])
  }

  @Test(
    "a lost answer is asked for again, and nothing is shipped or captured twice",
    arguments: [PeerCall.capture, .fulfil])
  func lostAnswer(call: PeerCall) async throws {
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 3)
    bench.peers.script(call, .answerLost, .unreachable, .status(500))
    let shipped = try await bench.ship(order, 2, wait: .seconds(9))
    #expect(shipped.subject.status == .shipped)
    #expect(shipped.order.payment.captured == 2000)
    #expect(bench.peers.shipped.count == 1)
    #expect(bench.peers.payments.map(\.captures) == [1])
    #expect(try await bench.violations() == [])
  }

  @Test(
    "when its time is over the request leaves the shipment to a worker, and the key finds it again",
    arguments: [PeerCall.capture, .fulfil])
  func givenBack(call: PeerCall) async throws {
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 1)
    bench.peers.script(call, .unreachable, .unreachable, .unreachable, .unreachable, .unreachable)
    let key = OrdersBench.key(of: 2)
    let begun = try await bench.ship(order, 1, key: key, wait: .seconds(1))
    #expect(begun.subject.status == .pending)
    #expect(begun.order.state == .confirmed)
    await #expect(throws: OrderError.operationInProgress) { try await bench.ship(order, 1) }
    await #expect(throws: OrderError.operationInProgress) {
      try await bench.orders.cancel(
        order.id, CancelRequest(reason: nil, actor: "anon"), wait: .zero)
    }
    try await bench.runWorkers()
    let found = try await bench.ship(order, 1, key: key)
    #expect(found.isReplay)
    #expect(found.subject.id == begun.subject.id)
    #expect(found.subject.status == .shipped)
    #expect(try await bench.violations() == [])
  }

  @Test("the same key many times at once is one shipment")
  func sameKey() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 3)
    let key = OrdersBench.key(of: 2)
    let ids = try await withThrowingTaskGroup(of: ID<Shipment>.self) { group in
      for _ in 0..<8 {
        group.addTask { try await bench.ship(order, 1, key: key).subject.id }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(ids.count == 1)
    try await bench.runWorkers()
    #expect(bench.peers.shipped.count == 1)
    #expect(try await bench.orders.order(order.id).lines.map(\.shipped) == [1])
    await #expect(throws: OrderError.keyReused) {
      try await bench.ship(order, 1, key: OrdersBench.key(key.key, of: 9))
    }
    await #expect(throws: OrderError.keyReused) {
      try await bench.refund(order, amount: 1, key: key)
    }
  }

  @Test("more than is left of a line is refused, and so is what was cancelled or paid back")
  func refused() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 3)
    _ = try await bench.ship(order, 2)
    await #expect(throws: OrderError.overShipped(remaining: 1)) { try await bench.ship(order, 2) }
    await #expect(throws: OrderError.invalidTransition(from: .partiallyShipped, to: .cancelling)) {
      try await bench.orders.cancel(
        order.id, CancelRequest(reason: nil, actor: "anon"), wait: .zero)
    }
    _ = try await bench.refund(order, amount: 3000)
    await #expect(throws: OrderError.paymentGone(.refunded)) { try await bench.ship(order, 1) }
    let cancelled = try await bench.place()
    _ = try await bench.orders.cancel(
      cancelled.id, CancelRequest(reason: nil, actor: "anon"), wait: .seconds(5))
    await #expect(throws: OrderError.invalidTransition(from: .cancelled, to: .shipped)) {
      try await bench.ship(cancelled, 1)
    }
    #expect(try await bench.violations() == [])
  }

  @Test("a worker that was overtaken ships nothing a second time")
  func fenced() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 1)
    bench.peers.script(
      .fulfil,
      .meanwhile {
        // Its lease ends here, and a successor does all that is left.
        try await bench.expireLeases()
        try await bench.runWorkers()
      })
    let shipped = try await bench.ship(order, 1)
    #expect(shipped.order.state == .shipped)
    #expect(try await bench.history(of: order) == [.pending, .confirmed, .shipped])
    #expect(
      try await bench.events(of: order) == ["order.created", "order.confirmed", "order.shipped"])
    #expect(try await bench.violations() == [])
  }

  // MARK: Refunding

  @Test("shipped units are paid back and go on the shelf again; their line says so")
  func refunds() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 3)
    _ = try await bench.ship(order, 2)
    let before = bench.peers.available(1)
    let refunded = try await bench.refund(order, units: 1, restock: true)
    #expect(refunded.subject.status == .succeeded)
    #expect(refunded.subject.amount.minorUnits == 1000)
    #expect(refunded.order.paymentStatus == .partiallyRefunded)
    #expect(refunded.order.state == .partiallyShipped)
    #expect(refunded.order.lines.map(\.refunded) == [1])
    #expect(bench.peers.available(1) == before + 1)
    await #expect(throws: ValidationFailure.self) { try await bench.refund(order, units: 2) }
    #expect(
      try await bench.events(of: order).suffix(2) == ["order.shipped", "order.refunded"])
    #expect(try await bench.violations() == [])
  }

  @Test("an amount is paid back up to what was captured, and never restocks")
  func amounts() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 2)
    let refunded = try await bench.refund(order, amount: 1500)
    #expect(refunded.order.payment.refunded == 1500)
    #expect(bench.peers.restocked.isEmpty)
    await #expect(throws: OrderError.refundExceedsCaptured(refundable: 500)) {
      try await bench.refund(order, amount: 501)
    }
    await #expect(throws: ValidationFailure.self) {
      try await bench.refund(order, amount: 100, restock: true)
    }
    let rest = try await bench.refund(order, amount: 500)
    #expect(rest.order.paymentStatus == .refunded)
    await #expect(throws: OrderError.refundExceedsCaptured(refundable: 0)) {
      try await bench.refund(order, amount: 1)
    }
    #expect(try await bench.violations() == [])
  }

  @Test("a refund that its provider takes on is pending until it is done, and restocks only then")
  func pending() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 1)
    _ = try await bench.ship(order, 1)
    bench.peers.delayRefunds()
    let key = OrdersBench.key(of: 3)
    let begun = try await bench.refund(order, units: 1, restock: true, key: key)
    #expect(begun.subject.status == .pending)
    #expect(begun.order.payment.refunded == 0)
    #expect(bench.peers.restocked.isEmpty)
    bench.peers.settleRefunds()
    try await bench.runWorkers()
    let done = try await bench.refund(order, units: 1, restock: true, key: key)
    #expect(done.isReplay)
    #expect(done.subject.status == .succeeded)
    #expect(done.order.paymentStatus == .refunded)
    #expect(bench.peers.restocked.count == 1)
    #expect(try await bench.violations() == [])
  }

  @Test("a refund that its provider takes on and never does is put before a person, once")
  func neverDone() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 1)
    bench.peers.delayRefunds()
    _ = try await bench.refund(order, amount: 1000)
    try await bench.runWorkers(rounds: 1)
    #expect(try await bench.attentions(of: order) == 0)
    bench.clock.advance(bench.runner.timings.parkAfter * 2)
    for _ in 0..<2 {
      try await bench.runWorkers(rounds: 1)
      #expect(try await bench.orders.order(order.id).needsAttention)
      #expect(try await bench.attentions(of: order) == 1)
    }
    // It is asked for more slowly now, and goes on when it is done.
    let store = bench.runner.store
    try await bench.letPass(bench.runner.timings.waitingPace)
    #expect(try await store.takeDue(countMax: 10, lease: .seconds(15)).isEmpty)
    bench.peers.settleRefunds()
    try await bench.runWorkers()
    let done = try await bench.orders.order(order.id)
    #expect(done.paymentStatus == .refunded)
    #expect(!done.needsAttention)
    #expect(try await bench.violations() == [])
  }

  @Test("a refund that its provider refuses fails, and nothing goes on the shelf")
  func refundFails() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 1)
    _ = try await bench.ship(order, 1)
    bench.peers.declineOperations()
    let failed = try await bench.refund(order, units: 1, restock: true)
    #expect(failed.subject.status == .failed)
    #expect(failed.order.lines.map(\.refunded) == [0])
    #expect(bench.peers.restocked.isEmpty)
    #expect(try await !bench.events(of: order).contains("order.refunded"))
    bench.peers.declineOperations(false)
    #expect(try await bench.refund(order, units: 1).subject.status == .succeeded)
    #expect(try await bench.violations() == [])
  }

  @Test(
    "a lost answer is asked for again, and nothing is paid back or restocked twice",
    arguments: [PeerCall.refund, .restock])
  func refundAnswerLost(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 2)
    _ = try await bench.ship(order, 2)
    let before = bench.peers.available(1)
    bench.peers.script(call, .answerLost, .unreachable, .status(500))
    let refunded = try await bench.refund(order, units: 2, restock: true, wait: .seconds(9))
    #expect(refunded.subject.status == .succeeded)
    #expect(refunded.order.payment.refunded == 2000)
    #expect(bench.peers.available(1) == before + 2)
    #expect(try await bench.violations() == [])
  }

  // MARK: Drills

  @Test(
    "whoever dies at a point of a shipment or refund leaves it to a successor",
    arguments: [
      "saga.F1.before", "saga.F1.after", "saga.F2.before", "saga.F2.after", "saga.T2.before",
      "saga.T2.after", "saga.R1.before", "saga.R1.after", "saga.R2.before", "saga.R2.after",
      "saga.T3.before", "saga.T3.after",
    ])
  func dies(point: String) async throws {
    struct Death: Error {}
    #expect(CheckoutRunner.points.contains(point))
    let bench = try await OrdersBench(captureMode: .manual)
    let order = try await bench.place(quantity: 2)
    var runner = bench.runner
    runner.pass = { if $0 == point { throw Death() } }
    var orders = bench.orders
    orders.checkout = runner
    let dying = FollowUpService(store: bench.followUps.store, orders: orders)
    let request = OrdersBench.shipRequest(order, [2])
    let isShipment = "FT2".contains(point.dropFirst(5).first ?? " ") && !point.contains("T3")
    let key = OrdersBench.key(of: 2)
    if isShipment {
      await #expect(throws: Death.self) {
        try await dying.ship(order.id, request, key, wait: .seconds(5))
      }
    } else {
      _ = try await bench.ship(order, 2)
      await #expect(throws: Death.self) {
        try await dying.refund(
          order.id,
          RefundRequest(
            lines: request.lines, amount: nil, restock: true, reason: nil), key,
          wait: .seconds(5))
      }
    }
    try await bench.expireLeases()
    try await bench.runWorkers()
    let found = try await bench.orders.order(order.id)
    #expect(found.state == .shipped)
    #expect(found.payment.captured == 2000)
    #expect(found.payment.refunded == (isShipment ? 0 : 2000))
    #expect(bench.peers.shipped.count == 1)
    #expect(bench.peers.restocked.count == (isShipment ? 0 : 1))
    #expect(try await bench.violations() == [])
  }
}

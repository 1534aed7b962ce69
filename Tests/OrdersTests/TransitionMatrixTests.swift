import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// The contract's table of transitions (section 4.3), each tried from each of the eight states against
/// the real database: the order moves where the table says so, and nowhere else.
@Suite struct TransitionMatrixTests {
  enum Attempt: String, CaseIterable, Sendable {
    case refuse, awaitPayment, resume, turnBack, confirm, close
    case cancel, shipPart, shipRest, deliver, refund

    /// Where the contract allows it, and where it leads; a refund changes no state.
    var allowed: (from: Set<OrderState>, to: OrderState?) {
      switch self {
      case .refuse: ([.pending], .cancelled)
      case .awaitPayment: ([.pending], .awaitingPayment)
      case .resume: ([.awaitingPayment], .pending)
      case .turnBack: ([.pending, .awaitingPayment], .cancelling)
      case .confirm: ([.pending], .confirmed)
      case .close: ([.cancelling], .cancelled)
      case .cancel: ([.confirmed], .cancelling)
      case .shipPart: ([.confirmed, .partiallyShipped], .partiallyShipped)
      case .shipRest: ([.confirmed, .partiallyShipped], .shipped)
      case .deliver: ([.shipped], .delivered)
      case .refund: ([.confirmed, .partiallyShipped, .shipped, .delivered], nil)
      }
    }
  }

  @Test("from each of the eight states", arguments: OrderState.allCases)
  func matrix(from: OrderState) async throws {
    let bench = try await OrdersBench()
    var reached: Set<OrderState> = []
    for attempt in Attempt.allCases {
      let before = try await prepare(attempt, from: from, bench)
      var isRefused = false
      do {
        try await perform(attempt, before, bench)
      } catch is LeaseLost {
        isRefused = true
      } catch is OrderError {
        isRefused = true
      }
      let after = try await bench.orders.order(before.id)
      let (states, to) = attempt.allowed
      let expected = states.contains(from) ? to ?? from : from
      #expect(after.state == expected, "\(attempt.rawValue) from \(from.rawValue)")
      if attempt == .refund { #expect(isRefused != states.contains(from)) }
      if after.state != from || (attempt == .shipPart && states.contains(from)) {
        reached.insert(after.state)
      }
    }
    #expect(reached == Set(from.successors))
  }

  /// An order in that state, however it came there, with what the attempt needs.
  private func prepare(
    _ attempt: Attempt, from: OrderState, _ bench: OrdersBench
  ) async throws -> Order {
    let isSagaStep = OrderTransition.sagaSteps.contains(attempt.rawValue)
    var order = try await bench.place(quantity: 2, wait: isSagaStep ? .zero : .seconds(5))
    if attempt == .deliver { order = try await bench.ship(order, 2).order }
    try await bench.database.execute(
      """
      UPDATE orders SET state = \(from), version = version + 1, cancel_reason =
        CASE WHEN \(from == .cancelling || from == .cancelled) THEN 'requested' END
      WHERE id = \(order.id)
      """)
    return try await bench.orders.order(order.id)
  }

  private func perform(_ attempt: Attempt, _ order: Order, _ bench: OrdersBench) async throws {
    switch attempt {
    case .cancel:
      try await bench.orders.store.cancel(order.id, CancelRequest(reason: nil, actor: "anon"))
    case .shipPart: _ = try await bench.ship(order, 1)
    case .shipRest: _ = try await bench.ship(order, 2)
    case .refund: _ = try await bench.refund(order, amount: 1)
    case .deliver:
      let shipment = try #require(order.shipments.first)
      _ = try await bench.followUps.update(
        shipment.id, of: order.id,
        ShipmentPatch(status: .delivered, carrier: nil, trackingNumber: nil, trackingUrl: nil),
        by: "user:staff")
    case .refuse, .awaitPayment, .resume, .turnBack, .confirm, .close:
      let store = bench.runner.store
      let lease = try #require(
        try await store.take(of: order.id, lease: .seconds(15)), "nobody else has it")
      switch attempt {
      case .refuse: try await store.refuse(lease, Cancellation(.insufficientStock))
      case .awaitPayment:
        try await store.awaitPayment(
          lease, nil, figures: nil, deadline: bench.clock.now, pause: .zero)
      case .resume:
        _ = try await store.resume(
          lease, at: .commitHold, figures: nil, deadline: bench.clock.now, for: .seconds(15))
      case .turnBack:
        _ = try await store.turnBack(
          lease, Cancellation(.timedOut), to: .cancelPayment, figures: nil, for: .seconds(15))
      case .confirm: _ = try await store.confirm(lease, figures: nil)
      default: try await store.close(lease, figures: nil)
      }
    }
  }
}

extension OrderTransition {
  fileprivate static let sagaSteps: Set<String> = [
    "refuse", "awaitPayment", "resume", "turnBack", "confirm", "close",
  ]
}

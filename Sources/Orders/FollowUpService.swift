import SharedKernel

/// Where shipments and refunds are kept.
protocol FollowUpStore: Sendable {
  /// The command that this key has given, if it has.
  func command(_ key: OrderKey) async throws -> FollowUpCommand?
  /// Keeps a new shipment with its saga, leased to the caller.
  ///
  /// - Returns: nil if the order is not as `order` says any more: it is to be planned anew.
  /// - Throws: `OrderError.operationInProgress`, `.keyInProgress`.
  func begin(
    _ plan: ShipmentPlan, of order: Order, _ key: OrderKey, lease: Duration
  ) async throws -> FollowUpAcceptance?
  /// As `begin` a shipment.
  func begin(
    _ plan: RefundPlan, of order: Order, _ key: OrderKey, lease: Duration
  ) async throws -> FollowUpAcceptance?
  /// Changes a shipment on its way; its order is delivered with the last one.
  ///
  /// - Returns: false if the order is not as `order` says any more.
  func update(
    _ shipment: Shipment, of order: Order, to tracking: Tracking, isDelivered: Bool,
    by actor: String
  ) async throws -> Bool
}

/// What a key has begun.
struct FollowUpCommand: Sendable {
  let kind: SagaKind
  /// The shipment's or refund's id.
  let reference: UUID128
  let fingerprint: [UInt8]
}

enum FollowUpAcceptance: Sendable {
  case accepted(SagaLease)
  case existing(FollowUpCommand)
}

/// A shipment or refund as its maker is told, with its order, and whether it had been made before.
struct FollowUp<Subject: Sendable>: Sendable {
  let subject: Subject
  let order: Order
  let isReplay: Bool
}

/// What staff do with confirmed orders: ship, deliver, refund.
struct FollowUpService: Sendable {
  /// How often a command is planned anew because its order has just changed.
  private static let plansMax = 5

  let store: any FollowUpStore
  let orders: OrderService

  private var runner: CheckoutRunner { orders.checkout }

  /// Ships units of an order, for as long as the caller waits. The same key is the same shipment.
  ///
  /// - Throws: `NotFound`, `ValidationFailure`, `OrderError`.
  func ship(
    _ id: OrderID, _ request: ShipRequest, _ key: OrderKey, wait: Duration
  ) async throws -> FollowUp<Shipment> {
    let (reference, isReplay) = try await run(id, key, .ship, wait: wait) { order in
      try await store.begin(order.plan(request), of: order, key, lease: runner.timings.lease)
    }
    let order = try await orders.order(id)
    guard let shipment = order.shipments.first(where: { $0.id.uuid == reference }) else {
      throw NotFound("shipment")
    }
    return FollowUp(subject: shipment, order: order, isReplay: isReplay)
  }

  /// Pays back units or an amount of an order, for as long as the caller waits. The same key is the
  /// same refund.
  ///
  /// - Throws: `NotFound`, `ValidationFailure`, `OrderError`.
  func refund(
    _ id: OrderID, _ request: RefundRequest, _ key: OrderKey, wait: Duration
  ) async throws -> FollowUp<Refund> {
    let (reference, isReplay) = try await run(id, key, .refund, wait: wait) { order in
      try await store.begin(order.plan(request), of: order, key, lease: runner.timings.lease)
    }
    let order = try await orders.order(id)
    guard let refund = order.refunds.first(where: { $0.id.uuid == reference }) else {
      throw NotFound("refund")
    }
    return FollowUp(subject: refund, order: order, isReplay: isReplay)
  }

  /// - Returns: the id of what the key stands for, and whether it stood for it before.
  private func run(
    _ id: OrderID, _ key: OrderKey, _ kind: SagaKind, wait: Duration,
    begin: (Order) async throws -> FollowUpAcceptance?
  ) async throws -> (UUID128, isReplay: Bool) {
    let until = runner.now() + wait
    if let known = try await store.command(key) {
      return try await replay(known, key, kind, of: id, until: until)
    }
    for _ in 0..<Self.plansMax {
      switch try await begin(try await orders.order(id)) {
      case .accepted(let lease):
        try await runner.run(lease, until: until)
        return (lease.reference, false)
      case .existing(let known):
        return try await replay(known, key, kind, of: id, until: until)
      case nil:
        continue
      }
    }
    throw OrderError.operationInProgress
  }

  private func replay(
    _ known: FollowUpCommand, _ key: OrderKey, _ kind: SagaKind, of id: OrderID, until: Timestamp
  ) async throws -> (UUID128, isReplay: Bool) {
    guard known.fingerprint == key.fingerprint, known.kind == kind else {
      throw OrderError.keyReused
    }
    var pause: Duration = .milliseconds(25)
    while try await orders.order(id).isAtWork(on: known.reference), runner.now() + pause < until {
      // Whoever asks again drives it on, if nobody else does.
      if let lease = try await runner.store.take(of: id, lease: runner.timings.lease) {
        try await runner.run(lease, until: until)
        break
      }
      try await runner.sleep(pause)
      pause = min(pause * 2, .milliseconds(400))
    }
    return (known.reference, true)
  }

  /// Changes the tracking of a shipment, or notes that it has arrived; the order is delivered with its
  /// last one.
  ///
  /// - Throws: `NotFound`, `ValidationFailure`; `OrderError.shipmentTransition` unless it is on its
  ///   way, `.operationInProgress`.
  func update(
    _ shipmentID: ID<Shipment>, of id: OrderID, _ patch: ShipmentPatch, by actor: String
  ) async throws -> Order {
    for _ in 0..<Self.plansMax {
      let order = try await orders.order(id)
      guard let shipment = order.shipments.first(where: { $0.id == shipmentID }) else {
        throw NotFound("shipment")
      }
      let tracking = try patch.checked(on: shipment.tracking)
      let isDelivered = patch.status == .delivered || shipment.status == .delivered
      switch shipment.status {
      case .shipped, .delivered: break
      case .pending, .failed:
        throw OrderError.shipmentTransition(from: shipment.status, to: patch.status ?? .shipped)
      }
      if tracking == shipment.tracking, isDelivered == (shipment.status == .delivered) {
        return order
      }
      if try await store.update(
        shipment, of: order, to: tracking, isDelivered: isDelivered, by: actor)
      {
        return try await orders.order(id)
      }
    }
    throw OrderError.operationInProgress
  }
}

extension Order {
  /// Whether this shipment or refund has no outcome yet.
  fileprivate func isAtWork(on reference: UUID128) -> Bool {
    shipments.contains { $0.id.uuid == reference && $0.status == .pending }
      || refunds.contains { $0.id.uuid == reference && $0.status == .pending }
  }
}

import ServiceKit
import SharedKernel
import Synchronization
import Testing

@testable import Orders

@Suite struct CheckoutRunnerTests {
  @Test("an order is confirmed with stock committed and the money taken once")
  func confirms() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(quantity: 3)
    #expect(order.state == .confirmed)
    #expect(order.paymentStatus == .captured)
    #expect(order.payment.captured == 3000)
    #expect(bench.peers.calls == [.quote, .hold, .authorize, .commit, .capture])
    #expect(bench.peers.available(1) == 997)
    #expect(try await bench.history(of: order) == [.pending, .confirmed])
    #expect(try await bench.events(of: order) == ["order.created", "order.confirmed"])
    #expect(try await bench.violations() == [])
  }

  @Test("a lost answer is asked for again, and nothing happens twice", arguments: PeerCall.forward)
  func lostAnswer(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    bench.peers.script(call, .answerLost, .unreachable, .status(500))
    let order = try await bench.place(wait: .seconds(9))
    #expect(order.state == .confirmed)
    #expect(bench.peers.calls.filter { $0 == call }.count == 4)
    #expect(bench.peers.payments.map(\.captures) == [1])
    #expect(bench.peers.available(1) == 999)
    #expect(try await bench.violations() == [])
  }

  @Test(
    "when its time is over the request leaves the saga to a worker", arguments: PeerCall.forward)
  func givenBack(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    bench.peers.script(call, .unreachable, .unreachable, .unreachable, .unreachable, .unreachable)
    let order = try await bench.place(wait: .seconds(1))
    #expect(order.state == .pending)
    try await bench.runWorkers()
    #expect(try await bench.orders.order(order.id).state == .confirmed)
    #expect(try await bench.violations() == [])
  }

  @Test("without a wait the request makes no call at all")
  func noWait() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(wait: .zero)
    #expect(order.state == .pending)
    #expect(bench.peers.calls == [.quote])
    try await bench.runWorkers()
    #expect(try await bench.orders.order(order.id).state == .confirmed)
  }

  // MARK: Refusals

  @Test("an order without stock is cancelled at once, without a payment")
  func noStock() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(product: 2, quantity: 5)
    #expect(order.state == .cancelled)
    #expect(
      order.cancellation
        == Cancellation(.insufficientStock, shortages: [Shortage(variantId: 2, available: 1)]))
    #expect(bench.peers.calls == [.quote, .hold])
    #expect(try await bench.events(of: order) == ["order.created", "order.cancelled"])
    #expect(try await bench.violations() == [])
  }

  @Test("a declined order gives its stock back and does not cancel what was never paid")
  func declined() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_declined")
    #expect(order.state == .cancelled)
    #expect(order.cancellation == Cancellation(.paymentDeclined, declineCode: "stolen_card"))
    #expect(bench.peers.calls == [.quote, .hold, .authorize, .release])
    #expect(bench.peers.available(1) == 1000)
    #expect(try await bench.history(of: order) == [.pending, .cancelling, .cancelled])
    #expect(try await bench.violations() == [])
  }

  @Test("stock that is lost after the payment gives the money back")
  func holdLost() async throws {
    let bench = try await OrdersBench()
    let peers = bench.peers
    peers.script(.authorize, .meanwhile { peers.loseHolds() })
    let order = try await bench.place()
    #expect(order.state == .cancelled)
    #expect(order.cancellation?.reason == .holdLost)
    #expect(order.paymentStatus == .voided)
    #expect(peers.calls == [.quote, .hold, .authorize, .commit, .cancel, .release])
    #expect(try await bench.violations() == [])
  }

  @Test("compensations go on until they succeed, whoever runs them")
  func compensates() async throws {
    let bench = try await OrdersBench()
    let peers = bench.peers
    peers.script(.authorize, .meanwhile { peers.loseHolds() })
    peers.script(.cancel, .unreachable, .answerLost, .status(500), .status(404), .unreachable)
    peers.script(.release, .status(409), .unreachable, .answerLost)
    let order = try await bench.place(wait: .seconds(1))
    #expect(order.state == .cancelling)
    try await bench.runWorkers()
    #expect(try await bench.orders.order(order.id).state == .cancelled)
    #expect(try await bench.violations() == [])
  }

  // MARK: Waiting for the customer

  @Test("an order awaits its payment, with more time for it, and goes on when it is there")
  func awaitsPayment() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    #expect(order.state == .awaitingPayment)
    #expect(order.nextAction == NextAction(type: "challenge", url: "/x", accessToken: "secret"))
    #expect(bench.peers.calls == [.quote, .hold, .authorize, .hold])

    bench.clock.advance(.seconds(11 * 60))
    try await bench.runWorkers(rounds: 1)
    #expect(try await bench.orders.order(order.id).state == .awaitingPayment)

    bench.peers.settlePayments(as: "authorized")
    try await bench.runWorkers()
    let paid = try await bench.orders.order(order.id)
    #expect(paid.state == .confirmed)
    #expect(paid.nextAction == nil)
    #expect(
      try await bench.history(of: order)
        == [.pending, .awaitingPayment, .pending, .confirmed])
    #expect(
      try await bench.events(of: order)
        == ["order.created", "order.awaiting_payment", "order.confirmed"])
    #expect(try await bench.violations() == [])
  }

  @Test("a payment that is declined after a wait cancels the order")
  func awaitedDecline() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    bench.peers.settlePayments(as: "declined")
    try await bench.runWorkers()
    let declined = try await bench.orders.order(order.id)
    #expect(declined.state == .cancelled)
    #expect(declined.cancellation?.reason == .paymentDeclined)
    #expect(bench.peers.available(1) == 1000)
    #expect(try await bench.violations() == [])
  }

  @Test("an event wakes a saga that waits, and one that is just being given back")
  func woken() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    let store = bench.runner.store
    #expect(try await store.takeDue(countMax: 10, lease: .seconds(15)).isEmpty)
    #expect(try await bench.wake(order))
    let leases = try await store.takeDue(countMax: 10, lease: .seconds(15))
    #expect(leases.count == 1)
    for lease in leases {
      #expect(try await bench.wake(order))
      try await store.giveBack(lease, after: .seconds(30), trouble: nil)
    }
    #expect(try await store.takeDue(countMax: 10, lease: .seconds(15)).count == 1)
  }

  @Test("a saga that waits asks again by itself, though no event ever comes")
  func asksByItself() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    bench.peers.settlePayments(as: "authorized")
    try await bench.letPass(bench.runner.timings.waitingPace)
    for lease in try await bench.runner.store.takeDue(countMax: 10, lease: .seconds(15)) {
      try await bench.runner.run(lease)
    }
    #expect(try await bench.orders.order(order.id).state == .confirmed)
    #expect(try await bench.violations() == [])
  }

  // MARK: Deadlines and cancelling

  @Test("a checkout that is not done by its deadline is undone", arguments: PeerCall.forward)
  func tooLate(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    // Whether the call was done or not, nothing may be left of it.
    bench.peers.script(call, .answerLost)
    let order = try await bench.place(wait: .milliseconds(400))
    #expect(order.state == .pending)
    bench.clock.advance(.seconds(10 * 60))
    try await bench.runWorkers()
    let late = try await bench.orders.order(order.id)
    #expect(late.state == .cancelled)
    #expect(late.cancellation?.reason == .timedOut)
    #expect(late.payment.captured == late.payment.refunded)
    #expect(bench.peers.available(1) == 1000)
    #expect(bench.peers.reservations.map(\.state) == ["released"])
    #expect(bench.peers.payments.map(\.state) == ["cancelled"])
    #expect(try await bench.violations() == [])
  }

  @Test(
    "a request to cancel is honoured at the next step or at the last", arguments: PeerCall.forward)
  func cancelled(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    bench.peers.script(
      call,
      .meanwhile {
        let id = try await bench.database.value("SELECT id FROM orders", as: OrderID.self)
        try await bench.orders.store.cancel(
          #require(id), CancelRequest(reason: "changed my mind", actor: "anon"))
      })
    let order = try await bench.place()
    #expect(order.state == .cancelled)
    #expect(order.cancellation?.reason == .requested)
    #expect(bench.peers.available(1) == 1000)
    #expect(bench.peers.payments.allSatisfy { $0.captured == $0.refunded })
    #expect(
      try await bench.orders.history(of: order.id).contains {
        $0.reason == "requested: changed my mind"
      })
    #expect(try await bench.violations() == [])
  }

  @Test("a confirmed order that is cancelled gives money and stock back")
  func cancelConfirmed() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place()
    let request = CancelRequest(reason: nil, actor: "anon")
    let cancelled = try await bench.orders.cancel(order.id, request, wait: .seconds(5))
    #expect(cancelled.state == .cancelled)
    #expect(cancelled.paymentStatus == .refunded)
    #expect(bench.peers.available(1) == 1000)
    #expect(
      try await bench.events(of: order) == [
        "order.created", "order.confirmed", "order.cancellation_requested", "order.cancelled",
      ])
    let again = try await bench.orders.cancel(order.id, request, wait: .zero)
    #expect(again.version == cancelled.version)
    #expect(try await bench.violations() == [])
  }

  // MARK: Dying runners

  @Test(
    "whoever takes over from a runner that died finishes; one that was only slow writes nothing",
    arguments: PeerCall.forward)
  func takenOver(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    bench.peers.script(
      call,
      .meanwhile {
        try await bench.expireLeases()
        try await bench.runWorkers()
      })
    let order = try await bench.place()
    #expect(order.state == .confirmed)
    #expect(bench.peers.payments.map(\.captures) == [1])
    #expect(bench.peers.payments.map(\.authorizations) == [1])
    #expect(bench.peers.available(1) == 999)
    #expect(try await bench.history(of: order) == [.pending, .confirmed])
    #expect(try await bench.events(of: order) == ["order.created", "order.confirmed"])
    #expect(try await bench.violations() == [])
  }

  @Test(
    "a compensation that was taken over is finished once", arguments: [PeerCall.cancel, .release])
  func compensationTakenOver(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    let peers = bench.peers
    peers.script(.authorize, .meanwhile { peers.loseHolds() })
    peers.script(
      call,
      .meanwhile {
        try await bench.expireLeases()
        try await bench.runWorkers()
      })
    let order = try await bench.place()
    #expect(order.state == .cancelled)
    #expect(try await bench.history(of: order) == [.pending, .cancelling, .cancelled])
    #expect(try await bench.violations() == [])
  }

  @Test("a request whose client has gone gives its saga back at once", arguments: PeerCall.forward)
  func clientGone(call: PeerCall) async throws {
    let bench = try await OrdersBench()
    let request = Mutex<Task<Order, any Error>?>(nil)
    let isCalled = AsyncStream<Void>.makeStream()
    bench.peers.script(
      call,
      .meanwhile {
        for await _ in isCalled.stream { break }
        request.withLock { $0?.cancel() }
      })
    let task = Task { try await bench.place() }
    request.withLock { $0 = task }
    isCalled.continuation.finish()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
    // The lease is free although nothing has ended it.
    try await bench.runWorkers()
    #expect(
      try await bench.database.value("SELECT state FROM orders", as: OrderState.self)
        == .confirmed)
    #expect(try await bench.violations() == [])
  }

  @Test("a lease that has passed to another can write nothing")
  func fenced() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(wait: .zero)
    let store = bench.runner.store
    let old = try #require(try await store.take(of: order.id, lease: .zero))
    let new = try #require(try await store.take(of: order.id, lease: .seconds(15)))
    #expect(new.epoch == old.epoch + 1)
    await #expect(throws: LeaseLost.self) {
      _ = try await store.advance(old, to: .authorize, figures: nil, for: .seconds(15))
    }
    await #expect(throws: LeaseLost.self) {
      _ = try await store.renew(old, trouble: "x", for: .seconds(15))
    }
    await #expect(throws: LeaseLost.self) {
      try await store.giveBack(old, after: .zero, trouble: nil)
    }
    await #expect(throws: LeaseLost.self) { _ = try await store.confirm(old, figures: nil) }
    await #expect(throws: LeaseLost.self) {
      try await store.refuse(old, Cancellation(.insufficientStock))
    }
    await #expect(throws: LeaseLost.self) {
      _ = try await store.turnBack(
        old, Cancellation(.timedOut), to: .releaseHold, figures: nil, for: .seconds(15))
    }
    #expect(try await bench.orders.order(order.id).state == .pending)
    #expect(try await store.take(of: order.id, lease: .seconds(15)) == nil)
    _ = try await store.advance(new, to: .authorize, figures: nil, for: .seconds(15))
  }

  @Test("sagas that were left by a process at the same place are due at once, others' are not")
  func predecessor() async throws {
    let bench = try await OrdersBench()
    let outbox = Outbox(signal: FeedSignal())
    func store(at place: String, begun time: UInt64) -> SagaRepository {
      SagaRepository(
        database: bench.database, outbox: outbox,
        holder: LeaseHolder(place: place, process: UUID128(high: time, low: 0)))
    }
    func orders() async throws -> [OrderID] {
      try await store(at: "third:1", begun: 1).takeDue(countMax: 10, lease: .zero).map(\.order.id)
    }
    let (left, others) = (try await bench.place(wait: .zero), try await bench.place(wait: .zero))
    let older = store(at: "host:8082", begun: 1)
    _ = try await store(at: "host:8082", begun: 2).take(of: left.id, lease: .seconds(3600))
    _ = try await store(at: "other:8082", begun: 2).take(of: others.id, lease: .seconds(3600))
    let successor = store(at: "host:8082", begun: 3)
    #expect(try await orders() == [])
    try await older.freePredecessorsLeases()
    #expect(try await orders() == [], "the older one takes nothing of the newer")
    try await successor.freePredecessorsLeases()
    #expect(try await orders() == [left.id])
    // What it holds itself is not left by anybody.
    _ = try await successor.take(of: left.id, lease: .seconds(3600))
    try await successor.freePredecessorsLeases()
    #expect(try await orders() == [])
  }

  @Test("who begins a saga is written down as its holder")
  func holder() async throws {
    let bench = try await OrdersBench()
    _ = try await bench.place(wait: .zero)
    let holder: String? = try await bench.database.value("SELECT holder FROM sagas")
    #expect(holder == bench.holder.name)
  }

  // MARK: Rows that cannot be run

  @Test("a saga that cannot be read, or is of a later version's kind, does not hold up the others")
  func unreadable() async throws {
    let bench = try await OrdersBench()
    let unreadable = try await bench.place(wait: .zero)
    let later = try await bench.place(wait: .zero)
    let sound = try await bench.place(wait: .zero)
    try await bench.makeDue()
    try await bench.database.execute(
      "UPDATE sagas SET input = '{}' WHERE order_id = \(unreadable.id)")
    try await bench.asOwner("ALTER TABLE orders.sagas DROP CONSTRAINT sagas_kind_check")
    try await bench.database.execute(
      "UPDATE sagas SET kind = 'exchange' WHERE order_id = \(later.id)")
    let told = Mutex<[ID<SagaLease>]>([])
    let store = SagaRepository(
      database: bench.database, outbox: Outbox(signal: FeedSignal()), holder: bench.holder
    ) { saga, _ in told.withLock { $0.append(saga) }
    }
    let leases = try await store.takeDue(countMax: 10, lease: .seconds(15))
    #expect(leases.map(\.order.id) == [sound.id])
    let saga: ID<SagaLease>? = try await bench.database.value(
      "SELECT id FROM sagas WHERE order_id = \(unreadable.id)")
    #expect(told.withLock { $0 } == [saga].compactMap(\.self))
    let epoch: Int? = try await bench.database.value(
      "SELECT epoch FROM sagas WHERE order_id = \(later.id)")
    #expect(epoch == 1)
  }

  // MARK: Parking

  @Test("a saga without progress for an hour is put before a person, and goes on")
  func parked() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_declined", wait: .zero)
    bench.peers.script(.release, .unreachable, .unreachable)
    try await bench.runWorkers(rounds: 1)
    bench.clock.advance(.seconds(2 * 60 * 60))
    try await bench.runWorkers(rounds: 1)
    let parked = try await bench.orders.order(order.id)
    #expect(parked.state == .cancelling)
    #expect(parked.needsAttention)
    #expect(
      try await bench.events(of: order) == ["order.created", "order.attention_required"])
    try await bench.runWorkers()
    let closed = try await bench.orders.order(order.id)
    #expect(closed.state == .cancelled)
    #expect(!closed.needsAttention)
  }

  @Test("so is one that fails here whenever it is run, and it is tried more slowly")
  func failing() async throws {
    struct Broken: Error {}
    let bench = try await OrdersBench()
    let order = try await bench.place()
    _ = try await bench.orders.cancel(
      order.id, CancelRequest(reason: nil, actor: "anon"), wait: .zero)
    let store = bench.runner.store
    var failing = bench.runner
    failing.pass = { if $0 == "saga.C0.before" { throw Broken() } }
    // Soon, late, and late again.
    for round in 0..<3 {
      let lease = try #require(try await store.take(of: order.id, lease: .seconds(15)))
      await #expect(throws: Broken.self) { try await failing.run(lease) }
      let isLate = round > 0
      #expect(try await bench.attentions(of: order) == (isLate ? 1 : 0))
      #expect(try await bench.orders.order(order.id).needsAttention == isLate)
      if isLate { continue }
      #expect(try await store.take(of: order.id, lease: .zero) == nil, "its lease ends by itself")
      try await bench.expireLeases()
      bench.clock.advance(bench.runner.timings.parkAfter * 2)
    }
    #expect(try await store.takeDue(countMax: 10, lease: .seconds(15)).isEmpty)
    try await bench.runWorkers()
    let closed = try await bench.orders.order(order.id)
    #expect(closed.state == .cancelled)
    #expect(!closed.needsAttention)
  }
}

extension OrdersBench {
  /// - Returns: whether there was a saga to wake.
  func wake(_ order: Order) async throws -> Bool {
    let overview = SagaOverviewRepository(database: database)
    let page = try await overview.sagas(SagaFilter(), PageRequest())
    let saga = page.elements.first { $0.orderId == order.id }
    return try await overview.wake(#require(saga).id)
  }
}

/// Where a drill lets a runner die: the lease runs out, and another goes on.
@Suite struct CheckoutPointsTests {
  private struct Died: Error {}

  @Test(
    "a runner that ends at any point of a checkout is followed by one that confirms it",
    arguments: CheckoutRunner.points.filter { $0.contains(".S") || $0.contains(".T1.") })
  func forward(point: String) async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place(wait: .zero)
    var mortal = bench.runner
    mortal.pass = { if $0 == point { throw Died() } }
    let lease = try #require(try await mortal.store.take(of: order.id, lease: .seconds(15)))
    await #expect(throws: Died.self) { try await mortal.run(lease) }
    try await bench.expireLeases()
    try await bench.runWorkers()
    #expect(try await bench.orders.order(order.id).state == .confirmed)
    #expect(bench.peers.payments.map(\.captures) == [1])
    #expect(try await bench.violations() == [])
  }

  @Test(
    "and of a compensation by one that cancels it",
    arguments: CheckoutRunner.points.filter { $0.contains(".C") })
  func backward(point: String) async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place()
    _ = try await bench.orders.cancel(
      order.id, CancelRequest(reason: nil, actor: "anon"), wait: .zero)
    var mortal = bench.runner
    mortal.pass = { if $0 == point { throw Died() } }
    let lease = try #require(try await mortal.store.take(of: order.id, lease: .seconds(15)))
    await #expect(throws: Died.self) { try await mortal.run(lease) }
    try await bench.expireLeases()
    try await bench.runWorkers()
    #expect(try await bench.orders.order(order.id).state == .cancelled)
    #expect(bench.peers.available(1) == 1000)
    #expect(try await bench.violations() == [])
  }
}

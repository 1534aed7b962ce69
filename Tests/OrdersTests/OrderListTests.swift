import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

@Suite("The list of orders") struct OrderListTests {
  @Test("is the very bytes that its orders are encoded to", arguments: 1...8, [true, false])
  func sameAsEncoded(seed: UInt64, isForOwner: Bool) async throws {
    let bench = try await OrdersBench()
    var random = SeededRandom(state: seed)
    for _ in 0..<25 { try await addOrder(to: bench.database, &random) }
    let store = OrderRepository(
      database: bench.database, outbox: Outbox(signal: FeedSignal()), holder: bench.holder)
    var after: Cursor?
    var listed = 0
    repeat {
      let request = try PageRequest(limit: 10, after: after)
      let list = try await store.list(OrderFilter(), request, isForOwner: isForOwner)
      let ids = try JSONDecoding.decode([Shape].self, from: list.json, allowingUnknown: true).map(
        \.id)
      var expected: [OrderView] = []
      for id in ids {
        expected.append(
          OrderView(try #require(try await store.order(id)), isForOwner: isForOwner))
      }
      #expect(
        String(decoding: list.json, as: UTF8.self)
          == String(decoding: try JSONEncoding.encode(expected), as: UTF8.self), "seed \(seed)")
      listed += ids.count
      after = list.next
    } while after != nil
    #expect(listed == 25)
  }

  @Test("of nobody's orders is empty")
  func empty() async throws {
    let bench = try await OrdersBench()
    let list = try await bench.orders.list(
      OrderFilter(userID: .new()), PageRequest(), isForOwner: true)
    #expect(list.json == Array("[]".utf8))
    #expect(list.next == nil)
  }

  private struct Shape: Decodable {
    let id: OrderID
  }

  /// Of any state, with any of what an order may have, whether it could have come so far or not.
  private func addOrder(to database: Database, _ random: inout SeededRandom) async throws {
    let id = OrderID.new()
    let state = random.pick(OrderState.allCases)
    let currency = random.pick(["USD", "JPY", "EUR"])
    let amounts = (0..<5).map { _ in random.number(0...3) * 333 }
    let total = amounts[0] + amounts[1] + amounts[2]
    let captured = random.pick([0, total / 2, total])
    let reason =
      [.cancelling, .cancelled].contains(state) ? random.pick(CancelReason.allCases) : nil
    try await database.execute(
      """
      INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, user_id, email, locale,
        note, currency, subtotal, discount, shipping, tax, tax_added, total, payment_id, authorized,
        captured, refunded, payment_voided, state, cancel_requested, cancel_reason, decline_code,
        attention, version, created_at, coupon_code, shipping_method_id, shipping_method)
      VALUES (\(id), 'anon', \("\(id)"), ''::bytea, \(random.pick(CaptureMode.allCases)),
        \(random.isTrue() ? UserID.new() : nil), \(random.textOrNil()), \(random.textOrNil()),
        \(random.textOrNil()), \(currency), \(total), \(amounts[3]), \(amounts[3]), \(amounts[4]), 0,
        \(total), \(PaymentID.new()), \(random.pick([0, total])), \(captured),
        \(random.pick([0, captured / 2, captured])), \(random.isTrue()), \(state),
        \(random.isTrue()), \(reason), \(random.textOrNil()), \(random.isTrue()),
        \(random.number(1...99)), now() - \(random.number(0...3)) * interval '1 day',
        \(random.pick([nil, "SUMMER-1"])), \(random.isTrue() ? ID<ShippingMethod>.new() : nil),
        \(random.textOrNil()))
      """)
    var lines: [ID<OrderLine>] = []
    for position in 0..<random.number(0...4) {
      let (line, unit, quantity) = (
        ID<OrderLine>.new(), random.number(0...9999), random.number(1...9)
      )
      let shipped = random.pick([0, quantity / 2, quantity])
      lines.append(line)
      try await database.execute(
        """
        INSERT INTO order_lines (id, order_id, position, variant_id, product_id, name, sku,
          unit_amount, quantity, discount, tax, total, shipped, refunded_qty)
        VALUES (\(line), \(id), \(position), \(position + 1), \(random.number(1...99)),
          \(random.text()), \(random.text()), \(unit), \(quantity), \(unit), \(random.number(0...99)),
          \(unit * quantity - unit), \(shipped), \(random.number(0...shipped)))
        """)
    }
    for kind in random.isTrue() ? ["shipping", "billing"] : ["shipping"] {
      try await database.execute(
        """
        INSERT INTO order_addresses
        VALUES (\(id), \(kind), \(random.text()), \(random.text()), \(random.textOrNil()),
          \(random.text()), \(random.textOrNil()), \(random.text()), 'CH', \(random.textOrNil()))
        """)
    }
    if state == .awaitingPayment, random.isTrue() {
      let action = NextAction(type: "redirect", url: random.text(), accessToken: random.textOrNil())
      try await database.execute(
        """
        INSERT INTO sagas (id, kind, ref_id, order_id, step, direction, input, next_action)
        VALUES (gen_random_uuid(), 'checkout', \(id), \(id), 'authorize', 'forward', '{}',
          \(try JSONText(JSONEncoding.encode(action))))
        """)
    }
    if random.isTrue() { try await addFollowUps(of: id, lines, to: database, &random) }
  }

  private func addFollowUps(
    of id: OrderID, _ lines: [ID<OrderLine>], to database: Database, _ random: inout SeededRandom
  ) async throws {
    let (shipment, refund) = (ID<Shipment>.new(), ID<Refund>.new())
    try await database.execute(
      """
      INSERT INTO order_commands (principal, idem_key, fingerprint, order_id, kind, ref_id)
      VALUES ('anon', \("\(id)"), ''::bytea, \(id), 'ship', \(shipment))
      """)
    let isFailed = random.isTrue()
    try await database.execute(
      """
      INSERT INTO shipments (id, order_id, state, carrier, tracking_number, tracking_url, share,
        capture_id, failure, decline_code, shipped_at)
      VALUES (\(shipment), \(id), \(isFailed ? "failed" : "shipped"), \(random.text()),
        \(random.text()), \(random.textOrNil()), 0, gen_random_uuid(),
        \(isFailed ? "declined" : nil), \(isFailed ? random.textOrNil() : nil),
        CASE WHEN NOT \(isFailed) THEN now() END)
      """)
    try await database.execute(
      """
      INSERT INTO refunds (id, order_id, state, amount, restock, reason)
      VALUES (\(refund), \(id), 'pending', 5, \(random.isTrue()), \(random.textOrNil()))
      """)
    for line in lines {
      try await database.execute("INSERT INTO shipment_lines VALUES (\(shipment), \(line), 1)")
      try await database.execute("INSERT INTO refund_lines VALUES (\(refund), \(line), 1)")
    }
  }
}

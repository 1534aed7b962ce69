import Postgres
import Testing

@testable import shopctl

/// Each invariant, in a shop where it holds and in one where somebody broke it.
@Suite(.serialized) struct VerificationTests {
  @Test("a shop that was bought from holds everything, and each invariant has rows to look at")
  func healthy() async throws {
    let bought = try await BoughtShop.shared()
    #expect(
      bought.experiences.map(\.ending) == [
        .confirmed, .cancelled, .declined, .confirmed, .declined, .confirmed, .shipped,
        .refunded, .outOfStock,
      ])
    #expect(ClientsView(bought.experiences, bought.rows).differences == [])
    let found = try await bought.shop.site.admin.snapshot {
      try await Verification(Check.all, in: $0, shownMax: 5)
    }
    #expect(found.holds, "\(found.text)")
    for number in 1...11 {
      let looked = found.results.filter { $0.id == "I\(number)" && $0.verdict == .held }
      #expect(looked.contains { $0.rows > 0 }, "I\(number) looked at nothing")
    }
    #expect(found.unproven == [])
    #expect(found.text.contains("11 invariants in \(Check.all.count) checks"))
    print(found.text)
  }

  @Test("what this version does not have is not applicable, and says why")
  func notApplicable() async throws {
    let found = try await BoughtShop.shared().verification(after: ["DROP TABLE sim.keys"])
    let keys = try #require(found.results.first { $0.reason == "there is no table sim.keys" })
    #expect(keys.verdict == .notApplicable)
    #expect(found.holds)
    let awaiting = try await BoughtShop.shared().verification(
      of: Check.all + [Self.gifts], after: [])
    #expect(awaiting.text.contains("not applicable, there is no table orders.gifts"))
    #expect(awaiting.holds)
  }

  @Test("a feature that came without its check is not passed over")
  func unverified() async throws {
    let found = try await BoughtShop.shared().verification(
      of: Check.all + [Self.gifts], after: ["CREATE TABLE orders.gifts (code text)"])
    let gifts = try #require(found.results.first { $0.verdict == .violated })
    #expect(gifts.id == "I10")
    #expect(gifts.violations.first?.what.hasPrefix("orders.gifts exists") ?? false)
  }

  private static let gifts = Check("I10", "gifts are given once", awaiting: "orders.gifts")

  @Test("a check that finds nothing to look at does not say that it held")
  func empty() async throws {
    let found = try await BoughtShop.shared().verification(after: [
      "TRUNCATE notification.notifications CASCADE"
    ])
    let twice = try #require(found.results.first { $0.title.hasPrefix("nobody is told") })
    #expect(twice.verdict == .empty)
  }

  @Test("violations beyond those shown are counted")
  func counted() async throws {
    let found = try await BoughtShop.shared().verification(after: [
      "UPDATE product.stock SET on_hand = on_hand + 1"
    ])
    let movements = try #require(found.results.first { $0.id == "I2" })
    #expect(movements.violations.count == 3)
    let stock = try #require(found.results.first { $0.id == "I1" })
    #expect(movements.violationCount == stock.rows)
    #expect(found.text.contains("and \(movements.violationCount - 3) more"))
  }

  @Test("events of types that their reader does not read are not unread")
  func unwanted() async throws {
    let found = try await BoughtShop.shared().verification(after: [
      """
      UPDATE notification.consumer_offsets SET position = position - 1, types = '{no.such}'
      WHERE source = 'order-service'
      """
    ])
    let read = try #require(found.results.first { $0.title.hasSuffix("every reader has read it") })
    #expect(read.verdict == .held, "\(read.violations)")
  }

  @Test("a database without the shop's tables is no shop that holds")
  func nothing() async throws {
    let tables = MigratedShop.schemas.map { schema -> SQL in
      "DROP SCHEMA \(identifier: schema) CASCADE"
    }
    let trouble = await #expect(throws: Trouble.self) {
      try await BoughtShop.shared().verification(after: tables)
    }
    #expect(trouble?.cause.contains("none of the shop's tables") ?? false)
  }

  @Test("what somebody broke is found and named", arguments: Sabotage.all)
  func broken(_ sabotage: Sabotage) async throws {
    let found = try await BoughtShop.shared().verification(after: sabotage.statements)
    #expect(!found.holds)
    let result = found.results.first {
      $0.id == sabotage.id && $0.title.contains(sabotage.title) && $0.verdict == .violated
    }
    let violations = try #require(result, "\(found.text)").violations
    #expect(violations.contains { $0.what.contains(sabotage.word) }, "\(violations)")
    #expect(violations.allSatisfy { !$0.look.isEmpty })
  }
}

/// A way to break an invariant, by who owns the database.
struct Sabotage: Sendable, CustomTestStringConvertible {
  let id: String
  /// A part of the title of the check that has to find it.
  let title: String
  /// A part of what that check says.
  let word: String
  let statements: [SQL]

  var testDescription: String { "\(id): \(title)" }

  init(_ id: String, _ title: String, says word: String, _ statements: SQL...) {
    self.id = id
    self.title = title
    self.word = word
    self.statements = statements
  }

  private static let aConfirmed: SQL =
    "(SELECT min(id::text)::uuid FROM orders.orders WHERE state = 'confirmed')"
  private static let theRegretted: SQL =
    "(SELECT id FROM orders.orders WHERE state = 'cancelled' AND cancel_reason = 'requested')"

  private static let aShipped: SQL =
    "(SELECT min(order_id::text)::uuid FROM orders.shipments WHERE state = 'shipped')"
  private static let aShipment: SQL =
    "(SELECT min(id::text)::uuid FROM orders.shipments WHERE order_id = \(aShipped))"
  private static let theRefund: SQL = "(SELECT id FROM orders.refunds WHERE state = 'succeeded')"

  static let all = stock + orders + followUps + payments + feeds + notices + rest

  private static let stock = [
    Sabotage(
      "I1", "reserved units are those", says: "variant 1: ",
      "ALTER TABLE product.stock DROP CONSTRAINT stock_not_oversold",
      "UPDATE product.stock SET reserved = on_hand + 1 WHERE variant_id = 1"),
    Sabotage(
      "I1", "reserved units are those", says: "held and committed lines",
      "UPDATE product.reservations SET state = 'released' WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I2", "units on hand are the sum", says: "variant 2: ",
      "UPDATE product.stock SET on_hand = on_hand + 1 WHERE variant_id = 2"),
  ]

  private static let orders = [
    Sabotage(
      "I3", "total captured", says: "captured",
      "UPDATE payment.payments SET captured = captured - 1 WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I3", "total captured", says: "by 2 payments",
      "ALTER TABLE payment.payments DROP CONSTRAINT payments_order_id_key",
      """
      INSERT INTO payment.payments
      SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).*
      FROM payment.payments p WHERE order_id = \(aConfirmed)
      """),
    Sabotage(
      "I3", "total captured", says: "2 authorisations",
      "DROP INDEX payment.payment_operations_one_authorize",
      """
      INSERT INTO payment.payment_operations
      SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
      FROM payment.payment_operations o JOIN payment.payments p ON p.id = o.payment_id
      WHERE p.order_id = \(aConfirmed) AND o.kind = 'authorize'
      """),
    Sabotage(
      "I3", "a payment belongs to an order", says: "there is no order",
      "UPDATE payment.payments SET order_id = gen_random_uuid() WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I4", "keeps no money", says: "refunded 0",
      "UPDATE payment.payments SET refunded = 0 WHERE order_id = \(theRegretted)"),
    Sabotage(
      "I4", "keeps no money", says: "1 operations open",
      """
      UPDATE payment.payment_operations SET state = 'waiting' WHERE kind = 'authorize'
        AND payment_id = (SELECT payment_id FROM orders.orders WHERE id = \(theRegretted))
      """),
    Sabotage(
      "I4", "the provider keeps and holds nothing", says: "refunded 0",
      """
      UPDATE sim.charges SET refunded = 0 FROM payment.payment_operations a
        JOIN payment.payments p ON p.id = a.payment_id
      WHERE a.id = authorization_id AND p.order_id = \(theRegretted)
      """),
    Sabotage(
      "I4", "has no stock held or committed", says: "committed",
      "UPDATE product.reservations SET state = 'committed' WHERE order_id = \(theRegretted)"),
    Sabotage(
      "I5", "of the same lines", says: "its reservation is released",
      "UPDATE product.reservations SET state = 'released' WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I5", "of the same lines", says: "x 3",
      "UPDATE product.reservation_lines SET quantity = 3 WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I5", "for orders alone", says: "which does not exist",
      """
      INSERT INTO product.reservations (order_id, state, expires_at, lines_hash)
      VALUES (gen_random_uuid(), 'held', now() + interval '1 hour', '')
      """),
    Sabotage(
      "I7", "a key of a principal", says: "orders of one key of anon",
      "ALTER TABLE orders.orders DROP CONSTRAINT orders_key",
      "UPDATE orders.orders SET idem_key = 'the-same-for-everybody'"),
    Sabotage(
      "I10", "the sum of its parts", says: "subtotal",
      """
      UPDATE orders.orders SET subtotal = subtotal + 1, total = total + 1
      WHERE id = \(aConfirmed)
      """),
    Sabotage(
      "I7", "a cart is bought once", says: "it is locked",
      """
      UPDATE orders.carts SET status = 'locked'
      WHERE id = (SELECT min(id::text)::uuid FROM orders.carts WHERE status = 'converted')
      """),
    Sabotage(
      "I7", "a cart is bought once", says: "does not exist",
      """
      UPDATE orders.carts SET order_id = gen_random_uuid()
      WHERE id = (SELECT min(id::text)::uuid FROM orders.carts WHERE status = 'converted')
      """),
    Sabotage(
      "I7", "a cart is bought once", says: "2 orders of it go on",
      """
      UPDATE orders.orders SET cart_id = (
        SELECT min(id::text)::uuid FROM orders.carts WHERE status = 'converted')
      WHERE id = \(aConfirmed)
      """),
    Sabotage(
      "I10", "a coupon's uses", says: "used 7",
      "UPDATE orders.coupons SET used = 7"),
    Sabotage(
      "I10", "a coupon's uses", says: "and uses none",
      "DELETE FROM orders.coupon_uses"),
    Sabotage(
      "I10", "a coupon's uses", says: "has used it 2 times, and may 1",
      "UPDATE orders.coupons SET used = used + 1",
      """
      INSERT INTO orders.coupon_uses (code, order_id, customer)
      SELECT u.code, \(aConfirmed), u.customer FROM orders.coupon_uses u LIMIT 1
      """),
    Sabotage(
      "I10", "asked for the order's total", says: "payment asked for",
      """
      UPDATE payment.payment_operations SET amount = amount + 1 WHERE kind = 'authorize'
        AND payment_id = (SELECT payment_id FROM orders.orders WHERE id = \(aConfirmed))
      """),
  ]

  private static let followUps = [
    Sabotage(
      "I5", "the fulfilled ones of the reservation", says: "its reservation has",
      "UPDATE product.reservation_lines SET fulfilled = fulfilled - 1 WHERE order_id = \(aShipped)"),
    Sabotage(
      "I5", "those of its shipments", says: "in its shipments",
      "UPDATE orders.shipment_lines SET quantity = quantity + 1 WHERE shipment_id = \(aShipment)"),
    Sabotage(
      "I5", "out of stock once", says: "out of stock 0",
      """
      DELETE FROM product.stock_movements
      WHERE ref_type = 'shipment' AND ref_id = \(aShipment)::text
      """),
    Sabotage(
      "I5", "out of stock once", says: "its units 0",
      """
      UPDATE orders.shipments SET state = 'failed', failure = 'declined', shipped_at = NULL
      WHERE id = \(aShipment)
      """),
    Sabotage(
      "I3", "has its share captured", says: "its share 1: captured 0",
      "UPDATE orders.shipments SET share = 1 WHERE id = \(aShipment)"),
    Sabotage(
      "I3", "shipped whole", says: "captured",
      "UPDATE payment.payments SET captured = captured - 1 WHERE order_id = \(aShipped)"),
    Sabotage(
      "I10", "paid back by its payment once", says: "paid back 0",
      """
      UPDATE payment.payment_operations SET state = 'failed' WHERE id = \(theRefund)
      """),
    Sabotage(
      "I10", "add up to what it was refunded", says: "its refunds",
      "UPDATE orders.refunds SET amount = amount * 2 WHERE id = \(theRefund)"),
    Sabotage(
      "I10", "those of its refunds", says: "in its refunds",
      "DELETE FROM orders.refund_lines WHERE refund_id = \(theRefund)"),
    Sabotage(
      "I2", "come back to stock", says: "back in stock 0",
      """
      DELETE FROM product.stock_movements
      WHERE ref_type = 'refund' AND ref_id = \(theRefund)::text
      """),
    Sabotage(
      "I8", "shipment, delivery and refund", says: "told 0",
      "DELETE FROM orders.outbox WHERE type = 'order.shipped' AND subject = \(aShipped)::text"),
  ]

  private static let payments = [
    Sabotage(
      "I6", "they sum to zero", says: "sum 1",
      """
      UPDATE payment.ledger_entries SET amount = amount + 1
      WHERE line = 1 AND journal_id = (SELECT min(id::text)::uuid FROM payment.ledger_journals)
      """),
    Sabotage(
      "I6", "the ledger shows for each payment", says: "ledger: held",
      """
      UPDATE payment.ledger_entries SET amount = amount * 2
      WHERE journal_id = (SELECT min(id::text)::uuid FROM payment.ledger_journals)
      """),
    Sabotage(
      "I6", "the accounts' balances", says: "customer_funds",
      "UPDATE payment.payments SET captured = captured - 1 WHERE order_id = \(aConfirmed)"),
    Sabotage(
      "I6", "is booked once", says: "booked 0 times",
      """
      WITH gone AS (SELECT min(id::text)::uuid AS id FROM payment.ledger_journals),
        entries AS (DELETE FROM payment.ledger_entries USING gone WHERE journal_id = gone.id)
      DELETE FROM payment.ledger_journals USING gone WHERE ledger_journals.id = gone.id
      """),
    Sabotage(
      "I6", "the provider's charges", says: "its charge is authorized",
      """
      UPDATE sim.charges SET captured = captured * 2
      WHERE authorization_id = (SELECT a.id FROM payment.payment_operations a
        JOIN payment.payments p ON p.id = a.payment_id
        WHERE a.kind = 'authorize' AND p.order_id = \(aConfirmed))
      """),
    Sabotage(
      "I6", "the provider's charges", says: "payment unknown",
      """
      INSERT INTO sim.charges (authorization_id, token, amount, currency, state, created_at)
      VALUES (gen_random_uuid(), 'tok_ok', 100, 'USD', 'authorized', now())
      """),
    Sabotage(
      "I6", "under the ids of operations alone", says: "no such operation",
      """
      INSERT INTO sim.keys
      SELECT (jsonb_populate_record(k, jsonb_build_object('key', gen_random_uuid()))).*
      FROM sim.keys k WHERE kind = 'capture' LIMIT 1
      """),
  ]

  private static let feeds = [
    Sabotage(
      "I8", "1 to its head", says: "orders: head",
      "DELETE FROM orders.outbox WHERE position = 2"),
    Sabotage(
      "I8", "1 to its head", says: "payment: head",
      "ALTER TABLE payment.outbox DROP CONSTRAINT outbox_position_key",
      "UPDATE payment.outbox SET position = 1 WHERE position = 2"),
    Sabotage(
      "I8", "versions rise", says: "behind",
      """
      UPDATE product.outbox SET version = 0
      WHERE type = 'reservation.committed' AND subject = \(aConfirmed)::text
      """),
    Sabotage(
      "I8", "has told it once", says: "told 0 times",
      "DELETE FROM orders.outbox WHERE type = 'order.confirmed' AND subject = \(aConfirmed)::text"),
    Sabotage(
      "I8", "has told it once", says: "1 times order.created, told 0 times",
      "DELETE FROM orders.outbox WHERE type = 'order.created' AND subject = \(aConfirmed)::text"),
    Sabotage(
      "I8", "no other is told", says: "0 times order.confirmed, told 1 times",
      """
      UPDATE orders.outbox SET subject = gen_random_uuid()::text
      WHERE type = 'order.confirmed' AND subject = \(aConfirmed)::text
      """),
    Sabotage(
      "I8", "history ends in its state", says: "its history ends in",
      "UPDATE orders.orders SET state = 'shipped' WHERE id = \(aConfirmed)"),
    Sabotage(
      "I8", "they show the payments' figures", says: "its payment",
      "UPDATE orders.orders SET authorized = authorized + 1 WHERE id = \(aConfirmed)"),
  ]

  private static let notices = [
    Sabotage(
      "I9", "has its notice", says: "order.confirmed",
      """
      DELETE FROM notification.notifications
      WHERE type = 'order.confirmed' AND params->>'orderId' = \(aConfirmed)::text
      """),
    Sabotage(
      "I9", "twice in one way", says: "2 notices",
      "ALTER TABLE notification.notifications DROP CONSTRAINT notifications_once",
      """
      INSERT INTO notification.notifications
      SELECT (jsonb_populate_record(n, jsonb_build_object('id', gen_random_uuid()))).*
      FROM notification.notifications n LIMIT 1
      """),
    Sabotage(
      "I9", "put aside", says: "could not take position 7",
      """
      INSERT INTO notification.dead_letters (source, position, event, error)
      VALUES ('order-service', 7, '{}', 'it has no head')
      """),
    Sabotage(
      "I9", "asked for has its delivery", says: "no delivery to https://books.example/hook",
      """
      DELETE FROM notification.webhook_deliveries
      WHERE event_id = (SELECT min(event_id::text)::uuid FROM notification.webhook_deliveries)
      """),
    Sabotage(
      "I9", "to an endpoint of a merchant once", says: "2 deliveries of event",
      "ALTER TABLE notification.webhook_deliveries DROP CONSTRAINT webhook_deliveries_once",
      """
      INSERT INTO notification.webhook_deliveries
      SELECT (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).*
      FROM notification.webhook_deliveries d LIMIT 1
      """),
    Sabotage(
      "I9", "an endpoint that is disabled", says: "deliveries wait for https://books.example/hook",
      "UPDATE notification.webhook_endpoints SET state = 'disabled'",
      "UPDATE notification.webhook_deliveries SET state = 'queued'"),
    Sabotage(
      "I9", "none that cannot be", says: "switched off order.confirmed by email",
      """
      INSERT INTO notification.preferences (user_id, type, channel, enabled)
      VALUES (gen_random_uuid(), 'order.confirmed', 'email', false)
      """),
  ]

  private static let rest = [
    Sabotage(
      "I11", "one running saga", says: "1 running sagas of its own",
      """
      UPDATE orders.sagas SET state = 'running', input = '{}', finished_at = NULL
      WHERE order_id = \(aConfirmed)
      """),
    Sabotage(
      "I11", "one running saga", says: "1 that follow",
      """
      UPDATE orders.sagas SET state = 'running', input = '{}', finished_at = NULL
      WHERE kind = 'ship' AND order_id = \(aShipped)
      """,
      "UPDATE orders.orders SET state = 'cancelled', cancel_reason = 'requested' WHERE id = \(aShipped)"
    ),
    Sabotage(
      "I11", "no saga is unfinished", says: "checkout saga is at",
      """
      UPDATE orders.sagas SET state = 'running', input = '{}', finished_at = NULL
      WHERE order_id = \(aConfirmed)
      """),
    Sabotage(
      "I11", "no operation of a payment is pending", says: "is pending",
      """
      UPDATE payment.payment_operations SET state = 'pending'
      WHERE id = (SELECT min(id::text)::uuid FROM payment.payment_operations)
      """),
    Sabotage(
      "I11", "no hold outlives", says: "holds stock since",
      """
      UPDATE product.reservations SET state = 'held', expires_at = now() - interval '1 minute'
      WHERE order_id = \(aConfirmed)
      """),
    Sabotage(
      "I11", "every reader has read it", says: "notification has 1 events of orders unread",
      """
      UPDATE notification.consumer_offsets SET position = (
        SELECT max(position) - 1 FROM orders.outbox WHERE types IS NULL OR type = ANY(types))
      WHERE source = 'order-service'
      """),
    Sabotage(
      "I11", "every reader has read it", says: "1 events of users have no place",
      """
      INSERT INTO users.outbox (event_id, type, subject, version, data)
      VALUES (gen_random_uuid(), 'user.locked', 'nobody', 1, '{}')
      """),
  ]
}

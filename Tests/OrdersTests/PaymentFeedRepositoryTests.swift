import JSONSyntax
import Postgres
import SharedKernel
import Testing

@testable import Orders
@testable import ServiceKit

@Suite struct PaymentFeedRepositoryTests {
  private func event(
    _ type: String, of payment: PaymentID, captured: Int64 = 0, refunded: Int64 = 0, version: Int64
  ) throws -> FeedEvent {
    let payload = """
      {"paymentId":"\(payment)","orderId":"\(OrderID.new())","state":"captured","amount":1000,\
      "currency":"USD","authorized":1000,"captured":\(captured),"refunded":\(refunded),\
      "version":\(version)}
      """
    return FeedEvent(
      id: .v7(), type: type, subject: "\(payment)", position: 1, version: version, time: .now(),
      traceparent: nil, isReplay: false, payload: try JSONParser.parse(Array(payload.utf8)))
  }

  private func apply(
    _ type: String, of payment: PaymentID, captured: Int64 = 0, refunded: Int64 = 0,
    version: Int64, in bench: OrdersBench
  ) async throws {
    let event = try event(
      type, of: payment, captured: captured, refunded: refunded, version: version)
    try await bench.database.transaction { transaction in
      try await PaymentFeedRepository().apply(event, in: transaction)
    }
  }

  @Test("the payment's figures are set, never added; those of an earlier version are left alone")
  func figures() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place()
    let id = order.paymentID
    for _ in 0..<2 {
      try await apply(
        "refund.succeeded", of: id, captured: 1000, refunded: 300, version: 7, in: bench)
    }
    try await apply("payment.captured", of: id, captured: 1000, version: 6, in: bench)
    let refunded = try await bench.orders.order(order.id)
    #expect(refunded.payment.refunded == 300)
    #expect(refunded.paymentStatus == .partiallyRefunded)
    #expect(refunded.state == .confirmed)
    #expect(refunded.version == order.version + 1)
  }

  @Test("a saga that waits for its payment is due at once")
  func wakes() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    #expect(
      try await bench.runner.store.takeDue(countMax: 10, lease: .seconds(15)).isEmpty)
    try await apply("payment.authorized", of: order.paymentID, version: 2, in: bench)
    #expect(
      try await bench.runner.store.takeDue(countMax: 10, lease: .seconds(15)).count == 1)
  }

  @Test("the order is locked before its saga, even if it has the figures already")
  func lockOrder() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place("tok_requires_action")
    let event = try event("payment.requires_action", of: order.paymentID, version: 0)
    try await bench.database.transaction { transaction in
      try await PaymentFeedRepository().apply(event, in: transaction)
      _ = try await transaction.value("SELECT 1", as: Int.self)  // takes what was put off along
      let free: Int? = try await bench.database.value(
        "WITH free AS (SELECT id FROM orders FOR UPDATE SKIP LOCKED) SELECT count(*) FROM free")
      #expect(free == 0)
    }
  }

  @Test("an event of a payment that no order has does nothing")
  func unknown() async throws {
    let bench = try await OrdersBench()
    let order = try await bench.place()
    try await apply("payment.captured", of: .new(), captured: 1, version: 9, in: bench)
    #expect(try await bench.orders.order(order.id).version == order.version)
  }
}

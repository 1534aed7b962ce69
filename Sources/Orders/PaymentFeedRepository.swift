import Postgres
import ServiceKit
import SharedKernel

/// What the payment service's events do here: the order gets the payment's figures, and a saga that
/// waits asks at once. Sagas ask by themselves too: an event that is late costs time, not the order.
struct PaymentFeedRepository: Sendable {
  static let types = [
    "payment.requires_action", "payment.authorized", "payment.declined", "payment.captured",
    "payment.voided", "payment.expired", "refund.pending", "refund.succeeded", "refund.failed",
  ]

  func apply(_ event: FeedEvent, in transaction: Transaction) async throws {
    struct Payment: Decodable {
      let paymentId: PaymentID
    }
    let payment = try event.data(as: Payment.self).paymentId
    let figures = try event.data(as: PaymentSnapshot.self).figures
    // The order's row first, even where it has the figures already and only its saga is changed: else a
    // transition, which goes from the order to the saga, and a later event of this batch wait for one another.
    try await transaction.send("SELECT FROM orders WHERE payment_id = \(payment) FOR UPDATE")
    try await transaction.send(
      """
      UPDATE orders
      SET authorized = \(figures.authorized), captured = \(figures.captured),
        refunded = \(figures.refunded), payment_voided = \(figures.isVoided),
        payment_version = \(figures.version), version = version + 1
      WHERE payment_id = \(payment) AND payment_version < \(figures.version)
      """)
    try await transaction.send(
      """
      UPDATE sagas SET woken = true, next_run_at = now()
      FROM orders
      WHERE orders.payment_id = \(payment) AND sagas.order_id = orders.id
        AND sagas.state = 'running'
      """)
  }
}

import Postgres
import SharedKernel

/// What hangs on an order besides its rows: the cart that it was, and the coupon that it uses. They move
/// with it, in its transaction.
struct BoundOrder: Sendable {
  let id: OrderID
  let cart: CartID?
  let hasCoupon: Bool

  /// The cart first, then the coupon: in this order wherever both are touched.
  func follow(_ transition: OrderTransition, in transaction: Transaction) async throws {
    switch transition.to {
    case .confirmed:
      if let cart { try await CartRepository(runner: transaction).convert(cart, boughtBy: id) }
    case .cancelled:
      if let cart {
        try await CartRepository(runner: transaction).reopen(cart, of: id, in: transaction)
      }
      if hasCoupon { try await CouponRepository(runner: transaction).giveBack(usedBy: id) }
    case .pending, .awaitingPayment, .partiallyShipped, .shipped, .delivered, .cancelling:
      break
    }
  }
}

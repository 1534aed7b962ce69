/// How much of a payment is held, taken and given back, in minor units of its currency.
///
/// Always 0 <= refunded <= captured <= authorized; a void lowers `authorized` to what is captured.
struct PaymentFigures: Hashable, Sendable {
  private(set) var authorized: Int64 = 0
  private(set) var captured: Int64 = 0
  private(set) var refunded: Int64 = 0

  static let zero = PaymentFigures()

  init(authorized: Int64 = 0, captured: Int64 = 0, refunded: Int64 = 0) {
    precondition(
      0 <= refunded && refunded <= captured && captured <= authorized, "figures out of order")
    self.authorized = authorized
    self.captured = captured
    self.refunded = refunded
  }

  /// Held and not captured.
  var hold: Int64 { authorized - captured }
  /// Captured and not refunded.
  var refundable: Int64 { captured - refunded }

  /// The state that these figures mean for a payment that is neither closing nor waiting.
  var openState: PaymentState {
    switch (hold, refunded) {
    case (0, 0): .captured
    case (_, 0): .authorized
    case (0, captured): .refunded
    case (_, _): .partiallyRefunded
    }
  }

  mutating func authorize(_ amount: Int64) {
    self = PaymentFigures(
      authorized: authorized + amount, captured: captured, refunded: refunded)
  }

  mutating func capture(_ amount: Int64) {
    self = PaymentFigures(
      authorized: authorized, captured: captured + amount, refunded: refunded)
  }

  /// Lets go of the hold.
  mutating func voidHold() {
    self = PaymentFigures(authorized: captured, captured: captured, refunded: refunded)
  }

  mutating func refund(_ amount: Int64) {
    self = PaymentFigures(
      authorized: authorized, captured: captured, refunded: refunded + amount)
  }
}

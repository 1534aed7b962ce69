import SharedKernel

/// When the money is taken: at once by the checkout, or share by share with the shipments.
enum CaptureMode: String, Codable, Sendable {
  case automatic, manual
}

/// What an order asks to be paid.
struct PaymentRequest: Hashable, Sendable {
  let orderID: OrderID
  let userID: UserID?
  let amount: Money
  let token: String
  let captureMode: CaptureMode

  static let tokenLength = 1...256

  /// - Throws: `ValidationFailure` unless it is a positive amount of money, in minor units.
  static func checkAmount(_ amount: Int64) throws(ValidationFailure) {
    guard (1...Money.minorUnitsMax).contains(amount) else {
      throw ValidationFailure(
        "/amount", "out_of_range", "must be 1 to \(Money.minorUnitsMax) minor units")
    }
  }

  /// The same for two requests exactly if they ask for the same.
  var canonicalText: String {
    let parts = [
      orderID.description, userID?.description ?? "", "\(amount.minorUnits)",
      amount.currency.code, captureMode.rawValue, token,
    ]
    return parts.joined(separator: "\n")
  }
}

import SharedKernel

@testable import Payments

/// What several of these tests begin with.
enum Samples {
  static let start = Timestamp(microseconds: 1_790_000_000_000_000)

  static func request(
    _ token: SimulatorToken = .ok, amount: Int64 = 1000, order: OrderID = .new(),
    user: UserID? = .new(), mode: CaptureMode = .automatic
  ) throws -> PaymentRequest {
    PaymentRequest(
      orderID: order, userID: user, amount: try Money(minorUnits: amount, currency: .usd),
      token: token.rawValue, captureMode: mode)
  }

  /// A payment whose authorisation has just been begun.
  static func accepted(amount: Int64 = 1000) throws -> Payment {
    Payment(
      accepting: try request(amount: amount), id: .new(), requestHash: [1], now: start,
      holdLifetime: .seconds(100))
  }

  static func authorized(amount: Int64 = 1000) throws -> Payment {
    var payment = try accepted(amount: amount)
    payment.settleAuthorization(.succeeded(reference: "ch_1"))
    return payment
  }

  static func captured(_ captured: Int64 = 1000, of amount: Int64 = 1000) throws -> Payment {
    var payment = try authorized(amount: amount)
    try payment.perform(.capture, captured)
    return payment
  }
}

extension Payment {
  mutating func settleAuthorization(_ answer: ProviderAnswer) {
    guard let authorization else { return }
    settle(authorization.id, answer)
  }

  /// Begins an operation and lets it succeed.
  mutating func perform(_ kind: PaymentOperation.Kind, _ amount: Int64) throws {
    let id = OperationID.new()
    _ = try begin(kind, id: id, amount: amount, now: Samples.start)
    settle(id, .succeeded(reference: "op"))
  }

  /// Cancels, with a provider that does all it is asked.
  mutating func cancelWhole() {
    while case .ask(let id) = cancel(now: Samples.start) {
      settle(id, .succeeded(reference: "op"))
    }
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel

/// The endpoints for the order service. Each is addressed by ids that it made, so each may be
/// repeated: 200 or 201 when the provider's answer is known, 202 while it is not.
struct InternalPaymentRoutes {
  private static let callers: Access = .services(["order-service"])

  let payments: PaymentService
  let access: PaymentAccess
  /// Keyed hash of what makes two requests the same; holds the token, so it must not be guessable.
  let fingerprint: @Sendable ([UInt8]) -> [UInt8]

  func add(to routes: inout Routes) {
    routes.put("/internal/payments/{id}", access: Self.callers) { try await authorize($0) }
    routes.put("/internal/payments/{id}/captures/{cid}", access: Self.callers) { call in
      try await answer(
        payments.capture(
          call.parameter("id"), call.parameter("cid"), amount: try amount(of: call)))
    }
    routes.put("/internal/payments/{id}/refunds/{rid}", access: Self.callers) { call in
      try await answer(
        payments.refund(
          call.parameter("id"), call.parameter("rid"), amount: try amount(of: call)))
    }
    routes.post("/internal/payments/{id}/cancel", access: Self.callers) { try await cancel($0) }
  }

  private func authorize(_ call: Call) async throws -> HTTPResponse {
    try PaymentError.refuseCardData(in: call.request.body)
    let request = try call.json(AuthorizeBody.self).request()
    let hash = fingerprint(Array(request.canonicalText.utf8))
    return try answer(try await payments.authorize(call.parameter("id"), request, hash: hash))
  }

  private func cancel(_ call: Call) async throws -> HTTPResponse {
    struct Cancellation: Decodable {
      let orderId: OrderID
      let currency: Currency
    }
    let body = try call.json(Cancellation.self)
    let cancelled = try await payments.cancel(
      call.parameter("id"), orderID: body.orderId, currency: body.currency)
    return try answer(
      PaymentAnswer(
        payment: cancelled.payment,
        outcome: cancelled.outcome == .underway ? .underway : .done(isNew: false)))
  }

  private func amount(of call: Call) throws -> Int64 {
    struct Amount: Decodable {
      let amount: Int64
    }
    try PaymentError.refuseCardData(in: call.request.body)
    let amount = try call.json(Amount.self).amount
    try PaymentRequest.checkAmount(amount)
    return amount
  }

  private func answer(_ answer: PaymentAnswer) throws -> HTTPResponse {
    let body = access.body(of: answer.payment)
    switch answer.outcome {
    case .done(let isNew):
      return try .json(body, status: isNew ? .created : .ok, version: answer.payment.version)
    case .underway:
      return try .json(body, status: .accepted, version: answer.payment.version)
        .adding(.retryAfter, "1")
    }
  }
}

private struct AuthorizeBody: Decodable {
  let orderId: OrderID
  let userId: UserID?
  let amount: Int64
  let currency: Currency
  let token: String
  let captureMode: CaptureMode

  func request() throws -> PaymentRequest {
    // Once more on what the JSON meant: escapes could have hidden digits.
    if CardNumber.isPresent(in: token) { throw PaymentError.cardData }
    try PaymentRequest.checkAmount(amount)
    var validation = Validation()
    validation.requireText(token, "/token", length: PaymentRequest.tokenLength)
    try validation.finish()
    return PaymentRequest(
      orderID: orderId, userID: userId,
      amount: try Money(minorUnits: amount, currency: currency), token: token,
      captureMode: captureMode)
  }
}

import HTTPMessages
import ServiceKit
import SharedKernel

/// The payment service as checkout uses it.
struct PaymentClient: PaymentDesk {
  let upstream: any Upstream

  private struct Amount: Encodable {
    let amount: Int64
  }

  // MARK: S2, S4, C2, F1

  func authorize(_ order: CheckoutOrder, token: String, limit: Duration?) async -> StepResult {
    struct Authorization: Encodable {
      let orderId: OrderID
      let userId: UserID?
      let amount: Int64
      let currency: Currency
      let token: String
      let captureMode: CaptureMode
    }
    let body = Authorization(
      orderId: order.id, userId: order.userID, amount: order.total.minorUnits,
      currency: order.total.currency, token: token, captureMode: order.captureMode)
    return await PeerClient.step(
      .limited(attempt: .seconds(5), attemptsMax: 2, to: limit),
      { try await upstream.call(.put, path(order), json: body, options: $0) }
    ) { answer in
      if let refusal = refusal(in: answer) { return StepResult(.refused(refusal)) }
      guard let payment = try payment(in: answer) else { return nil }
      switch payment.state {
      case "authorized", "captured":
        return StepResult(.done, figures: payment.figures)
      case "created", "authorizing", "requires_action":
        return StepResult(
          .waiting, figures: payment.figures, nextAction: payment.nextAction)
      case "declined":
        return StepResult(.refused(.declined(code: payment.declineCode)))
      default:
        return StepResult(.refused(.paymentRefused), figures: payment.figures)
      }
    }
  }

  func capture(
    _ amount: Int64, of order: CheckoutOrder, as capture: ID<SagaInput>, limit: Duration?
  ) async -> StepResult {
    return await PeerClient.step(
      .limited(attempt: .seconds(5), attemptsMax: 2, to: limit),
      {
        try await upstream.call(
          .put, "\(path(order))/captures/\(capture)", json: Amount(amount: amount), options: $0)
      }
    ) { answer in
      if let refusal = refusal(in: answer) { return StepResult(.refused(refusal)) }
      guard let payment = try payment(in: answer) else { return nil }
      let isCaptured = answer.status != .accepted && payment.captured >= amount
      return StepResult(isCaptured ? .done : .waiting, figures: payment.figures)
    }
  }

  func cancelPayment(of order: CheckoutOrder, limit: Duration?) async -> StepResult {
    struct Cancellation: Encodable {
      let orderId: OrderID
      let currency: Currency
    }
    let body = Cancellation(orderId: order.id, currency: order.total.currency)
    return await PeerClient.step(
      .limited(attempt: .seconds(5), attemptsMax: 1, to: limit),
      { try await upstream.call(.post, "\(path(order))/cancel", json: body, options: $0) }
    ) { answer in
      guard let payment = try payment(in: answer) else { return nil }
      return StepResult(answer.status == .ok ? .done : .waiting, figures: payment.figures)
    }
  }

  // MARK: R1

  func refund(
    _ amount: Int64, of order: CheckoutOrder, as refund: UUID128, limit: Duration?
  ) async -> StepResult {
    await PeerClient.step(
      .limited(attempt: .seconds(5), attemptsMax: 2, to: limit),
      {
        try await upstream.call(
          .put, "\(path(order))/refunds/\(refund)", json: Amount(amount: amount), options: $0)
      }
    ) { answer in
      if let refusal = refusal(in: answer) { return StepResult(.refused(refusal)) }
      guard let payment = try payment(in: answer) else { return nil }
      return StepResult(answer.status == .accepted ? .waiting : .done, figures: payment.figures)
    }
  }

  private func path(_ order: CheckoutOrder) -> String {
    "/internal/payments/\(order.paymentID)"
  }

  /// nil for what is no refusal for good.
  private func refusal(in answer: HTTPResponse) -> CheckoutSaga.Refusal? {
    switch answer.problemKind {
    case .paymentDeclined:
      .declined(code: answer.problemBody?["declineCode"]?.textValue)
    case .refundExceedsCaptured: .exceedsCaptured
    case .paymentClosed, .invalidStateTransition, .duplicateResource, .idempotencyKeyReused,
      .validationFailed, .cardDataForbidden:
      // What was asked will never do: the payment is closed, or is another than this.
      .paymentRefused
    default: nil
    }
  }

  /// nil for an answer that is no payment.
  private func payment(in answer: HTTPResponse) throws -> PaymentSnapshot? {
    guard [200, 201, 202].contains(answer.status.code) else { return nil }
    return try answer.decoded(as: PaymentSnapshot.self)
  }
}

/// A payment as the payment service tells it, in answers and in events.
struct PaymentSnapshot: Decodable {
  let state: String
  let authorized: Int64
  let captured: Int64
  let refunded: Int64
  let version: Int64
  let declineCode: String?
  let nextAction: NextAction?

  var figures: PaymentFigures {
    PaymentFigures(
      authorized: authorized, captured: captured, refunded: refunded,
      isVoided: state == "cancelled" || state == "expired", version: version)
  }
}
